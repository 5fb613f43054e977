//! What is played, step by step.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use serde_json::Value;

use super::{
    Patience, RehearsalError,
    cast::{NICKNAME, SERVICE, Service, Typed},
    configuration,
    program::{Finished, Program, Running, line},
    telling::{Event, Step, Teller},
    tornet::{self, CLIENT_TORRC, TorDaemon, TorNetwork},
};
use crate::{
    ambient,
    config::{CarrierKind, IntroducerConfig},
    record::{Address, AddressKind, AddressKinds, I2pAddress, NodeSecret, OnionAddress},
};

/// For an onion service to be found by a client after its descriptor was uploaded; a new network needs a few tries.
const REACHABLE_SECONDS_MAX: u64 = 120;
/// For a change to reach a watcher: a few ticks.
const WATCH_SECONDS_MAX: u64 = 60;
/// Exit codes of the program's commands that mean "not yet": not reachable, busy.
const NOT_YET: [i32; 2] = [4, 5];
/// Exit code of a command whose record the introducer refused.
const REFUSED: i32 = 3;
/// The port of the node's service, which nobody asks for.
const PORT: u16 = 3457;
/// Where the commands run, below the directory of the network.
const STAGE: &str = "stage";
/// The copied configuration, there.
const FILE: &str = "introducer.toml";

/// What to rehearse.
pub struct Plan {
    /// The operator's `introducer.toml`; `None`: a grid of its own with the default one.
    pub config: Option<PathBuf>,
    /// Who brings the streams, in place of the configuration's choice.
    pub carrier: Option<CarrierKind>,
    /// Keep the directory with all logs, also when nothing failed.
    pub keep: bool,
    /// The stage; its patience is that of the whole rehearsal.
    pub network: tornet::Settings,
}

/// Plays the main job and tells what happens. Whatever the end, no process of it is left when this returns, and no file
/// but logs that the error or the last event names.
///
/// # Errors
/// See [`RehearsalError`].
pub fn rehearse(plan: &Plan, tell: &mut dyn FnMut(Event<'_>)) -> Result<(), RehearsalError> {
    let begun = ambient::steady_millis();
    // What can't be rehearsed is told before anybody waits for a network.
    let carrier = carrier(plan)?;
    let mut teller = Teller::new(tell);
    teller.begin(Step::Network);
    let network = TorNetwork::start(plan.network.clone())?;
    let kept = plan.keep.then(|| network.home().to_owned());
    let played =
        Stage::set(&network, plan.network.patience.clone(), teller).and_then(|mut stage| stage.play(plan, carrier));
    let interrupted = matches!(played, Err(RehearsalError::Interrupted(_)));
    if plan.keep || (played.is_err() && !interrupted) {
        network.keep();
    }
    played.map_err(|error| match interrupted && !plan.keep {
        true => error,
        false => RehearsalError::Played { error: Box::new(error), logs: network.home().to_owned() },
    })?;
    drop(network);
    tell(Event::Over { millis: ambient::steady_millis().saturating_sub(begun), kept: kept.as_deref() });
    Ok(())
}

/// Who brings the streams, by the plan or by a configuration that can be rehearsed.
fn carrier(plan: &Plan) -> Result<CarrierKind, RehearsalError> {
    let configured = match &plan.config {
        Some(file) => {
            let config = IntroducerConfig::load(file)?;
            publishable(config.policy.addresses, file)?;
            config.carrier
        }
        None => CarrierKind::default(),
    };
    match plan.carrier.unwrap_or(configured) {
        CarrierKind::Tor if !cfg!(feature = "carrier-tor") => Err(RehearsalError::NoTorInside),
        carrier => Ok(carrier),
    }
}

struct Stage<'a> {
    network: &'a TorNetwork,
    program: Program,
    patience: Patience,
    teller: Teller<'a>,
}

/// Who has a `node.toml` in a directory of the stage.
struct Person {
    config: String,
    _tor: TorDaemon,
}

impl<'a> Stage<'a> {
    fn set(network: &'a TorNetwork, patience: Patience, teller: Teller<'a>) -> Result<Self, RehearsalError> {
        let program = Program::new(network.dir(STAGE)?, patience.clone());
        Ok(Self { network, program, patience, teller })
    }

    fn play(&mut self, plan: &Plan, carrier: CarrierKind) -> Result<(), RehearsalError> {
        self.teller.begin(Step::Introducer);
        let (config, service) = self.introducer(plan, carrier)?;
        let grid = config.grid().to_string();
        self.teller.begin(Step::Node);
        let address = publishable(config.policy.addresses, Path::new(FILE))?.to_string();
        let [node_tor, reader_tor] = self.tors(["node-tor", "reader-tor"])?;
        let node = self.person("node", &grid, &service, node_tor, Some(&address))?;
        self.reach(&node, &grid)?;
        self.teller.begin(Step::Watch);
        let reader = self.person("reader", &grid, &service, reader_tor, None)?;
        self.reach(&reader, &grid)?;
        let mut watch = self.watch(&reader)?;
        self.teller.begin(Step::Publish);
        let id = self.publish(&node, &mut watch, &address)?;
        self.teller.begin(Step::Find);
        self.find(&reader, &id)?;
        self.teller.begin(Step::Withdraw);
        self.withdraw(&node, &reader, &mut watch)?;
        self.teller.end();
        Ok(())
    }

    fn introducer(&mut self, plan: &Plan, carrier: CarrierKind) -> Result<(IntroducerConfig, Service), RehearsalError> {
        let original = match &plan.config {
            Some(file) => file.clone(),
            None => {
                let made = self.shown(&["grid", "keygen", "--out", "grid.key", "--json"])?.json()?;
                let grid = text(&made, "/grid")?;
                self.shown(&["init", "introducer", "original", "--grid", grid])?;
                self.program.directory().join("original").join(FILE)
            }
        };
        let failed = |file: &Path| RehearsalError::system(format!("can't copy {}", file.display()));
        let text = fs::read_to_string(&original).map_err(failed(&original))?;
        let copied = configuration::copy(&text, carrier, self.network.network_file());
        let copied = copied.map_err(|error| failed(&original)(std::io::Error::other(error)))?;
        let copy = self.program.directory().join(FILE);
        fs::write(&copy, copied.text).map_err(failed(&copy))?;
        self.teller.note(&format!("as in {}, but: places are those of the rehearsal", original.display()));
        copied.told.iter().for_each(|told| self.teller.note(told));

        let config = IntroducerConfig::load(&copy)?;
        let service = Service::start(self.network, &mut self.program, FILE, &config)?;
        self.teller.command(&service.line);
        service.torrc.lines().for_each(|line| self.teller.note(&format!("torrc: {line}")));
        self.teller.note(&format!("published: {}", service.address));
        Ok((config, service))
    }

    /// Tors of people, all started at once.
    fn tors<const N: usize>(&self, names: [&str; N]) -> Result<[TorDaemon; N], RehearsalError> {
        let network = self.network;
        let tors = thread::scope(|scope| {
            let starting = names.map(|name| scope.spawn(move || network.daemon(name, CLIENT_TORRC)));
            starting.map(|tor| tor.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let tors = tors.into_iter().collect::<Result<Vec<_>, _>>()?;
        tors.try_into().map_err(|_| unexpected("as many tors as were asked for"))
    }

    fn person(
        &mut self,
        name: &str,
        grid: &str,
        service: &Service,
        tor: TorDaemon,
        offers: Option<&str>,
    ) -> Result<Person, RehearsalError> {
        self.shown(&["init", "node", name, "--grid", grid])?;
        if offers.is_some() {
            self.shown(&["node", "keygen", "--out", &format!("{name}/node.key")])?;
        }
        let config = format!("{name}/node.toml");
        let typed = Typed { introducer: &service.address, socks: &tor.socks_path(), offers };
        typed.into_file(&self.program.directory().join(&config))?;
        let also = offers.map_or(String::new(), |address| format!(", key, nickname, and what it offers: {address}"));
        self.teller.note(&format!("typed into {config}: the introducer, the SOCKS socket of its tor{also}"));
        Ok(Person { config, _tor: tor })
    }

    /// Asks until the onion service is found: right after its start that may take some tries.
    fn reach(&mut self, person: &Person, grid: &str) -> Result<(), RehearsalError> {
        let arguments = ["about", "--config", &person.config, "--json"];
        self.teller.command(&line(&arguments));
        let mut last = None;
        let (patience, program) = (self.patience.clone(), &mut self.program);
        let answered = patience.poll(REACHABLE_SECONDS_MAX, || match program.finish(&arguments) {
            Ok(finished) if finished.code.is_some_and(|code| NOT_YET.contains(&code)) => {
                last = Some(finished.failure());
                None
            }
            finished => Some(finished.and_then(Finished::succeeded)),
        })?;
        let about = answered.unwrap_or_else(|| Err(last.unwrap_or_else(|| unexpected("an answer"))))?.json()?;
        expect(text(&about, "/grid")? == grid, "the introducer to serve the grid of its configuration")?;
        self.teller.note("the introducer answers through Tor");
        Ok(())
    }

    fn watch(&mut self, reader: &Person) -> Result<Running, RehearsalError> {
        let mut watch = self.program.start(&["watch", "--config", &reader.config, "--json"])?;
        self.teller.command(&watch.line);
        watch
            .wait_for_json("the end of what is listed", WATCH_SECONDS_MAX, |event| is(event, "/event", "caught_up"))?;
        self.teller.note("nothing is listed yet");
        Ok(watch)
    }

    /// Returns the id of the node.
    fn publish(&mut self, node: &Person, watch: &mut Running, address: &str) -> Result<String, RehearsalError> {
        let begun = ambient::steady_millis();
        self.shown(&["node", "publish", "--config", &node.config])?;
        self.teller.note(&format!("accepted, and durable, after {}", seconds(begun)));
        let seen = watch.wait_for_json("the record, at the watching reader", WATCH_SECONDS_MAX, record_event)?;
        self.teller.note(&format!("the watching reader has it after {}", seconds(begun)));
        let typed = text(&seen, "/services/0/addresses/0")? == address;
        expect(typed, "the record to hold the address that was typed, and no other")?;
        Ok(text(&seen, "/node")?.to_owned())
    }

    fn find(&mut self, reader: &Person, id: &str) -> Result<(), RehearsalError> {
        let listed = self.list(reader)?;
        let [record] = listed.as_slice() else { return Err(unexpected("one record in the list")) };
        expect(text(record, "/node")? == id, "the list to name the node that published")?;
        expect(text(record, "/nickname")? == NICKNAME, "the list to have the node's nickname")?;
        self.teller.note(&format!("listed: {NICKNAME} offers {SERVICE}"));
        let found = self.shown(&["lookup", id, "--config", &reader.config, "--json"])?.json()?;
        expect(found.pointer("/record") == Some(record), "the lookup to find the record of the list")?;
        self.teller.note("found by its id");
        Ok(())
    }

    fn withdraw(&mut self, node: &Person, reader: &Person, watch: &mut Running) -> Result<(), RehearsalError> {
        self.shown(&["node", "sign", "--config", &node.config, "--out", "old.record"])?;
        self.shown(&["node", "withdraw", "--config", &node.config])?;
        let gone = watch.wait_for_json("the withdrawal, at the watching reader", WATCH_SECONDS_MAX, record_event)?;
        expect(gone.pointer("/withdrawn") == Some(&Value::Bool(true)), "the record to be a withdrawal")?;
        expect(self.list(reader)?.is_empty(), "nothing in the list any more")?;
        self.teller.note("the watching reader heard of it, and the list is empty");
        let replay = ["node", "publish", "--config", &node.config, "--record", "old.record"];
        self.teller.command(&line(&replay));
        let replay = self.program.finish(&replay)?;
        match replay.code {
            Some(REFUSED) => {}
            Some(0) => return Err(unexpected("the old record to be refused")),
            _ => return Err(replay.failure()),
        }
        self.teller.note("the old record, signed before the withdrawal, is refused");
        Ok(())
    }

    fn list(&mut self, reader: &Person) -> Result<Vec<Value>, RehearsalError> {
        self.shown(&["list", "--config", &reader.config, "--service", SERVICE, "--json"])?.json_lines()
    }

    /// Runs a command that must succeed, and shows it first.
    fn shown(&mut self, arguments: &[&str]) -> Result<Finished, RehearsalError> {
        self.teller.command(&line(arguments));
        self.program.run(arguments)
    }
}

/// An address of a kind that the grid admits, at which nobody answers: its key is thrown away.
fn publishable(admitted: AddressKinds, file: &Path) -> Result<Address, RehearsalError> {
    let key = *NodeSecret::from_seed(ambient::random().map_err(RehearsalError::system("no key can be made"))?)
        .id()
        .as_bytes();
    if admitted.admits(AddressKind::Onion) {
        let address = OnionAddress::new(key, PORT).map(Address::Onion);
        return address.map_err(|error| unexpected(&format!("an onion address ({error})")));
    }
    if admitted.admits(AddressKind::I2p) {
        return Ok(Address::I2p(I2pAddress::from_hash(key, PORT)));
    }
    Err(RehearsalError::NoAddressKind(file.to_owned()))
}

/// The record of a watch's event.
fn record_event(event: &Value) -> Option<Value> {
    is(event, "/event", "record").and_then(|()| event.pointer("/record").cloned())
}

fn is(value: &Value, pointer: &str, wanted: &str) -> Option<()> {
    (value.pointer(pointer)?.as_str()? == wanted).then_some(())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, RehearsalError> {
    value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| unexpected(pointer))
}

fn expect(holds: bool, what: &str) -> Result<(), RehearsalError> {
    if holds { Ok(()) } else { Err(unexpected(what)) }
}

fn unexpected(what: &str) -> RehearsalError {
    let what = format!("expected {what}");
    RehearsalError::Unexpected { what, hint: "read the output of the commands, and report it: this should not happen" }
}

fn seconds(begun_millis: u64) -> String {
    let millis = ambient::steady_millis().saturating_sub(begun_millis);
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}
