//! What a torrc should not say. Sources: tor(1), and the Tor Project's pages on the operation of onion services.

use crate::audit::rule::rules;

rules! {
    SINGLE_HOP = "torrc-single-hop", Leak:
        "a single onion service connects to its rendezvous points directly: each of them learns this machine's address"
        => "remove HiddenServiceSingleHopMode and HiddenServiceNonAnonymousMode";
    RELAY = "torrc-relay", Leak:
        "this tor is a relay: its address is public, and whoever sees service and relay stop together knows where the \
         service is"
        => "remove the line; run a relay on another machine, in another place";
    TESTING = "torrc-testing-network", Leak:
        "these settings are for a network of tests, where nobody is anonymous, or let strangers decide what the network is"
        => "remove TestingTorNetwork and DirAuthority";
    GUARDS_OFF = "torrc-guards-off", Leak:
        "without lasting guards every circuit may start at a relay of an attacker, who then sees this machine's address"
        => "remove UseEntryGuards 0";
    LISTENER_PUBLIC = "torrc-listener-public", Leak:
        "other machines can use this port: it makes an open proxy, or the owner, of this tor out of whoever finds it"
        => "listen on an AF_UNIX socket, or at least on 127.0.0.1";
    CONTROL_OPEN = "torrc-control-open", Leak:
        "any local user can control this tor without a password, and so ask it for this machine's address"
        => "remove ControlPort, or set CookieAuthentication 1";
    TARGET_REMOTE = "torrc-port-remote", Leak:
        "what comes through the onion service leaves this machine again, unprotected, towards another one"
        => "lead it to an AF_UNIX socket: HiddenServicePort 80 unix:/run/anteroom/introducer.sock";
    SAFE_LOGGING = "torrc-safe-logging", Leak:
        "addresses of clients, relays and services are written into tor's log"
        => "remove the line, or set SafeLogging 1";
    LOG_DETAIL = "torrc-log-detail", Leak:
        "below the level notice tor logs what its users do, and may not scrub it"
        => "log no more than notice";

    DIRECTORY_MODE = "torrc-service-dir-mode", Leak:
        "others than tor's user can enter the directory of the service's key; whoever has the key is the service"
        => "run: chmod 0700 on it, and if others were on this machine make a new service";

    TARGET_TCP = "torrc-port-tcp", Weak:
        "any local process can connect to a port on 127.0.0.1, and the introducer needs an IP socket for it"
        => "lead it to an AF_UNIX socket: HiddenServicePort 80 unix:/run/anteroom/introducer.sock";
    CIRCUIT_ID = "torrc-circuit-id", Weak:
        "without circuit ids all strangers are one to the introducer, which therefore refuses their streams"
        => "add below this HiddenServiceDir: HiddenServiceExportCircuitID haproxy";
    UNKNOWN_PORTS = "torrc-unknown-ports", Weak:
        "streams to ports that do not exist are answered, so that a scanner can go on in one circuit"
        => "remove HiddenServiceAllowUnknownPorts";
    MAX_STREAMS = "torrc-max-streams", Weak:
        "one circuit can take as many streams as it likes, and with them the places of everybody else"
        => "add below this HiddenServiceDir: HiddenServiceMaxStreams 32";
    VERSION = "torrc-service-version", Weak:
        "only version 3 hides the address of a service from the directories; tor no longer runs others"
        => "remove the line, or set HiddenServiceVersion 3";
    SEVERAL_SERVICES = "torrc-several-services", Weak:
        "services of one tor come and go together and share a guard: whoever compares them learns that they are one machine"
        => "run a tor of its own for each (tor-instance-create)";
    GROUP_READABLE = "torrc-group-readable", Weak:
        "a whole group can read tor's keys; whoever has a service's key is the service"
        => "remove the line";
    VANGUARDS = "torrc-vanguards-off", Weak:
        "without vanguards the guard of a service that runs for long is found quickly"
        => "remove VanguardsLiteEnabled 0";
    PADDING = "torrc-padding-off", Weak:
        "without padding a watcher tells more from the traffic between this machine and its guard"
        => "remove the line";
    CLIENT_PORT = "torrc-client-port", Weak:
        "this way into Tor serves programs that anteroom does not use: names to resolve, or whatever is redirected to it"
        => "remove the line, or use another tor for it";
    SOCKS_TCP = "torrc-socks-tcp", Weak:
        "any local user, and any web page that can reach 127.0.0.1, can use this port; without a SocksPort line tor opens one"
        => "set SocksPort 0, or for a client SocksPort unix:/run/tor/socks GroupWritable";
    SOCKS_SHARED = "torrc-socks-not-isolated", Weak:
        "streams with different SOCKS passwords may share a circuit: an introducer can tell that two roles are one user"
        => "remove NoIsolateSOCKSAuth";
    CONTROL_SHARED = "torrc-control-shared", Weak:
        "a whole group, or everybody, can control this tor, and so ask it for this machine's address"
        => "set ControlSocket 0 and ControlPort 0, or remove GroupWritable and WorldWritable";
    METRICS = "torrc-metrics", Weak:
        "the metrics tell to the second what the service does, to every local process that may ask"
        => "remove MetricsPort";
    DEBUGGER = "torrc-debugger", Weak:
        "other processes of tor's user may read its memory, keys included"
        => "remove DisableDebuggerAttachment 0";

    CONTROL = "torrc-control", Note:
        "whoever may open the control port can ask tor for this machine's address"
        => "set ControlSocket 0 and ControlPort 0 unless something here needs it, such as the vanguards add-on";
    INTRODUCTION_POINTS = "torrc-introduction-points", Note:
        "fewer than three introduction points are easily lost; many show to more relays when the service is up"
        => "set HiddenServiceNumIntroductionPoints 3";
    POW_RATE = "torrc-pow-rate", Note:
        "proof of work counts only beyond this many clients a second, by default 250: more than a small machine serves"
        => "set HiddenServicePoWQueueRate to what this machine serves, such as 25";
    OWN_PATH = "torrc-own-path", Note:
        "relays that were chosen by hand make this tor look like no other, and skip the protection of guards"
        => "remove the line, unless you know who would be fooled by it";
    SANDBOX_OFF = "torrc-sandbox-off", Note:
        "tor's own filter of system calls is switched off"
        => "remove Sandbox 0, or set Sandbox 1";
    SOCKS_WORLD = "torrc-socks-world", Note:
        "every local user may use this tor"
        => "set GroupWritable in place of WorldWritable, and add the client's user to tor's group";
    SOCKS_EXITS = "torrc-socks-exits", Note:
        "a name or an address on the open internet that comes here by mistake goes out through an exit relay"
        => "add OnionTrafficOnly to this SocksPort, unless other programs use it";
    ABBREVIATION = "torrc-abbreviation", Note:
        "tor reads the beginning of an option's name as the whole, and warns; a reader sees another option"
        => "write the name in full";
    INCLUDE_RELATIVE = "torrc-include-relative", Note:
        "tor looks for a relative path where it was started, which nobody can see here; what lies beside the file was read"
        => "write the path from the root";
}
