//! stub
use std::process::ExitCode;
/// stub
pub fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(std::io::stderr).init();
    let path = std::path::PathBuf::from(std::env::args().nth(3).unwrap_or_default());
    match crate::config::IntroducerConfig::load(&path).map_err(|e| e.to_string()).and_then(|config| {
        crate::server::run(config, move || crate::config::IntroducerConfig::load(&path)).map_err(|e| e.to_string())
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error);
            ExitCode::FAILURE
        }
    }
}
