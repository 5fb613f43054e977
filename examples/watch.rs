//! Follows an introducer: `watch <SOCKS socket> <grid1…> <host:port>`.

use anteroom::client::{Client, ClientSettings, Event, Introducer};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_macros, reason = "an example speaks to a person")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(socks), Some(grid), Some(introducer)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: watch <SOCKS socket> <grid1…> <host:port>".into());
    };
    let introducer: Introducer = introducer.parse()?;
    let client = Client::new(ClientSettings::new(socks, grid.parse()?))?;
    let mut subscription = client.watch(&introducer, None, None).await?;
    loop {
        match subscription.next().await {
            Ok(Event::Record(record)) => {
                for service in &record.claims().services {
                    println!("{} offers {}", record.claims().node, service.name);
                }
            }
            Ok(Event::CaughtUp) => println!("that is all so far; {:?}", client.dropped()),
            Ok(_) => {}
            // The subscription goes on by itself after a pause.
            Err(error) => println!("{error}"),
        }
    }
}
