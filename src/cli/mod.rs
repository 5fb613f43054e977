//! The command line: one file a command, and nothing in it that a library user would miss.
//!
//! Data goes to standard output, words for people to standard error. Every failure says what to do about it and has a
//! documented exit code.

#[cfg(feature = "client")]
mod about;
#[cfg(feature = "audit")]
mod audit;
#[cfg(feature = "audit-host")]
mod audit_host;
#[cfg(all(feature = "audit", feature = "client"))]
mod audit_remote;
#[cfg(feature = "carrier-loopback")]
mod bridge;
#[cfg(all(feature = "carrier-tor", any(feature = "client", feature = "server")))]
mod carrier;
#[cfg(any(feature = "client", feature = "server"))]
mod client_auth;
mod failure;
#[cfg(feature = "audit")]
mod findings;
#[cfg(feature = "server")]
mod first_run;
mod generate;
#[cfg(any(feature = "client", feature = "grid-admin"))]
mod grant_file;
#[cfg(feature = "grid-admin")]
mod grid;
mod internal_error;
#[cfg(feature = "server")]
mod introducer;
#[cfg(feature = "client")]
mod introducers;
#[cfg(any(feature = "client", feature = "server", feature = "grid-admin"))]
mod keygen;
#[cfg(feature = "client")]
mod labels;
#[cfg(feature = "client")]
mod list;
#[cfg(any(feature = "client", feature = "server"))]
mod lockdown;
#[cfg(feature = "client")]
mod lookup;
#[cfg(feature = "client")]
mod members;
#[cfg(feature = "client")]
mod node;
#[cfg(feature = "server")]
mod onion_key;
#[cfg(feature = "client")]
mod outcomes;
mod output;
#[cfg(feature = "client")]
mod own_carrier;
#[cfg(any(feature = "client", feature = "grid-admin"))]
mod petname;
#[cfg(any(feature = "client", feature = "server"))]
mod progress;
#[cfg(feature = "client")]
mod proxy;
#[cfg(feature = "client")]
mod publish;
#[cfg(feature = "client")]
mod record_file;
#[cfg(feature = "rehearse")]
mod rehearse;
mod sandbox_check;
#[cfg(feature = "server")]
mod serve;
#[cfg(any(feature = "client", feature = "server"))]
mod setup;
#[cfg(feature = "client")]
mod show;
#[cfg(feature = "client")]
mod stay;
#[cfg(feature = "server")]
mod torrc;
#[cfg(feature = "client")]
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::Failure;
pub use internal_error::tell_panics_by_code;

const ABOUT: &str = "An introducer for grids that live behind Tor and I2P";
const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 wrong usage, configuration or key file; 3 refused by the \
    introducer; 4 introducer or network not reachable; 5 introducer busy; 6 not found; 7 some introducers took the record and \
    others did not; 8 the audit found a weakness; 9 it found a leak.";

#[derive(Parser)]
#[command(name = "anteroom", version, about = ABOUT, max_term_width = 100)]
struct Arguments {
    /// Say more on standard error; twice says most. Addresses and ids are never logged.
    #[arg(short, long, global = true, display_order = 900, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a commented configuration file for an introducer or a node
    #[cfg(any(feature = "client", feature = "server"))]
    #[command(subcommand)]
    Init(setup::Role),
    /// Run an introducer and its carrier
    ///
    /// Each is a process of its own, is started again when it ends, and stops with this one. Without an introducer.toml in
    /// the current directory, a new open grid and its configuration are made there.
    #[cfg(feature = "server")]
    Serve(serve::Serve),
    /// Run an introducer alone, behind a carrier that something else starts
    ///
    /// It has no IP socket. Where its standard input is a listening AF_UNIX socket (`StandardInput=socket` of systemd), it
    /// takes that in the place of the configuration's.
    #[cfg(feature = "server")]
    Introducer(introducer::Introducer),
    /// Say that this machine's clock is right, after an introducer found it jumping
    #[cfg(feature = "server")]
    ConfirmClock(introducer::ConfirmClock),
    /// Run a grid: its key, who is let in, who is out
    #[cfg(feature = "grid-admin")]
    #[command(subcommand)]
    Grid(grid::Grid),
    /// The key of a grid
    #[cfg(all(any(feature = "client", feature = "server"), not(feature = "grid-admin")))]
    #[command(subcommand)]
    Grid(keygen::Grid),
    /// The key of an introducer's onion address
    #[cfg(feature = "server")]
    #[command(subcommand)]
    OnionKey(onion_key::OnionKey),
    /// Client authorization: who may reach an introducer over Tor
    #[cfg(any(feature = "client", feature = "server"))]
    #[command(subcommand)]
    ClientAuth(client_auth::ClientAuth),
    /// A node's key and contact record
    #[cfg(feature = "client")]
    #[command(subcommand)]
    Node(node::Node),
    /// Your own names for nodes; they stay on this machine
    #[cfg(any(feature = "client", feature = "grid-admin"))]
    #[command(subcommand)]
    Petname(petname::Petname),
    /// List the records of a grid
    #[cfg(feature = "client")]
    List(list::List),
    /// Find one node's record
    #[cfg(feature = "client")]
    Lookup(lookup::Lookup),
    /// Follow the records of a grid as they change
    #[cfg(feature = "client")]
    Watch(watch::Watch),
    /// Who is in a grid, by whose grant, until when, and who is out; let in and take out
    #[cfg(feature = "client")]
    Members(Box<members::Members>),
    /// Ask an introducer for its rules
    #[cfg(feature = "client")]
    About(about::About),
    /// Carry streams between an anonymizing network and AF_UNIX sockets
    #[cfg(all(feature = "carrier-tor", any(feature = "client", feature = "server")))]
    #[command(subcommand)]
    Carrier(carrier::Carrier),
    /// Rehearse the whole job on a private Tor network of this machine
    #[cfg(feature = "rehearse")]
    Rehearse(rehearse::Rehearse),
    /// Judge configurations, units, running services and programs: is this installation safe?
    #[cfg(feature = "audit")]
    Audit(Box<audit::Audit>),
    /// Offer a SOCKS port of 127.0.0.1 as an AF_UNIX socket
    #[cfg(feature = "carrier-loopback")]
    SocksBridge(bridge::SocksBridge),
    /// Lock this process down, attack it, and show what was denied
    #[command(hide = true)]
    SandboxCheck(sandbox_check::SandboxCheck),
    /// Write completions for a shell to standard output
    Completions(generate::Completions),
    /// Write man pages, one a command
    Man(generate::Man),
}

/// Parses the command line, runs the command, and turns its end into an exit code.
pub fn main() -> ExitCode {
    tell_panics_by_code();
    let parsed = command().try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; clap knows which stream each belongs to.
            let _ = error.print();
            return if error.use_stderr() { failure::Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The command line with the exit codes below the help of every command, where somebody who writes a script looks.
fn command() -> clap::Command {
    with_exit_codes(Arguments::command())
}

fn with_exit_codes(command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(with_exit_codes).after_help(EXIT_CODES);
    match command.get_after_long_help() {
        Some(text) => {
            let text = format!("{text}\n\n{EXIT_CODES}");
            command.after_long_help(text)
        }
        None => command,
    }
}

#[cfg(feature = "client")]
impl Command {
    /// `None` for what stays on this machine.
    fn reaches(&self) -> Option<&dyn proxy::Reaches> {
        match self {
            Self::List(command) => Some(&command.whom),
            Self::Lookup(command) => Some(command),
            Self::Watch(command) => Some(&command.whom),
            Self::Members(command) => command.reaches(),
            Self::About(command) => Some(&command.whom),
            Self::Node(command) => command.reaches(),
            #[cfg(feature = "grid-admin")]
            Self::Grid(command) => command.reaches(),
            _ => None,
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let verbose = arguments.verbose;
    #[cfg(feature = "server")]
    let verbose = verbose.saturating_add(u8::from(matches!(arguments.command, Command::Introducer(_))));
    crate::redact::logging(verbose);
    #[cfg(feature = "client")]
    if let Some(reaching) = arguments.command.reaches() {
        reaching.proxy().end_with_parent()?;
        if cfg!(feature = "carrier-tor")
            && let Some(carrier) = own_carrier::OwnCarrier::needed(reaching)?
        {
            return carrier.run(arguments.verbose);
        }
    }
    match arguments.command {
        #[cfg(any(feature = "client", feature = "server"))]
        Command::Init(role) => role.run(),
        #[cfg(feature = "server")]
        Command::Serve(command) => command.run(arguments.verbose),
        #[cfg(feature = "server")]
        Command::Introducer(command) => command.run(),
        #[cfg(feature = "server")]
        Command::ConfirmClock(command) => command.run(),
        #[cfg(any(feature = "client", feature = "server", feature = "grid-admin"))]
        Command::Grid(command) => command.run(),
        #[cfg(feature = "server")]
        Command::OnionKey(command) => command.run(),
        #[cfg(any(feature = "client", feature = "server"))]
        Command::ClientAuth(command) => command.run(),
        #[cfg(feature = "client")]
        Command::Node(command) => command.run(),
        #[cfg(any(feature = "client", feature = "grid-admin"))]
        Command::Petname(command) => command.run(),
        #[cfg(feature = "client")]
        Command::List(command) => command.run(),
        #[cfg(feature = "client")]
        Command::Lookup(command) => command.run(),
        #[cfg(feature = "client")]
        Command::Watch(command) => command.run(),
        #[cfg(feature = "client")]
        Command::Members(command) => command.run(),
        #[cfg(feature = "client")]
        Command::About(command) => command.run(),
        #[cfg(all(feature = "carrier-tor", any(feature = "client", feature = "server")))]
        Command::Carrier(command) => command.run(),
        #[cfg(feature = "rehearse")]
        Command::Rehearse(command) => command.run(),
        #[cfg(feature = "audit")]
        Command::Audit(command) => command.run(),
        #[cfg(feature = "carrier-loopback")]
        Command::SocksBridge(command) => command.run(),
        Command::SandboxCheck(command) => command.run(),
        Command::Completions(arguments) => arguments.run(command()),
        Command::Man(arguments) => arguments.run(command()),
    }
}
