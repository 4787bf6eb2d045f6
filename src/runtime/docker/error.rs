//! What the daemon says → what the user is told: one sentence, what to do about it, and the exit code.
//!
//! Pure. The daemon's texts differ from version to version: each trouble is known by words that have stayed the same
//! since 20.10, and what is not known is passed on as the daemon said it.

use crate::Error;
use bollard::errors::Error as Refusal;
use std::fmt;

/// Adds what was being done to a refusal of the daemon.
pub trait Explained<T> {
    /// The value, or the user's error: `cannot create node n1: …`. `doing` begins with a verb.
    fn or_cannot(self, doing: impl FnOnce() -> String) -> crate::Result<T>;
}

impl<T> Explained<T> for Result<T, Refusal> {
    fn or_cannot(self, doing: impl FnOnce() -> String) -> crate::Result<T> {
        self.map_err(|refusal| explain(doing(), &refusal))
    }
}

/// The user's error for a refusal: `cannot <doing>: …`.
pub fn explain(doing: impl fmt::Display, refusal: &Refusal) -> Error {
    let error = match refusal {
        _ if is_gone(refusal) => Error::machine("Docker does not answer any more")
            .help("`sudo systemctl status docker` shows why; `blockade doctor` whether it is back"),
        Refusal::RequestTimeoutError => {
            Error::machine("Docker takes too long to answer").help("`sudo systemctl status docker` shows what it does")
        }
        Refusal::DockerResponseServerError { message, .. } => translate(message),
        Refusal::DockerStreamError { error } | Refusal::DockerContainerWaitError { error, .. } => translate(error),
        other => Error::machine(format!("Docker's answer was not understood ({other})")),
    };
    error.context(format!("cannot {doing}"))
}

/// What the daemon says, in our words where it is known.
fn translate(says: &str) -> Error {
    let known = KNOWN.iter().find_map(|known| known(says));
    known.unwrap_or_else(|| Error::machine(format!("Docker says: {}", says.trim())))
}

/// What Docker says of a network with containers on it.
const ENDPOINTS: &str = "has active endpoints";

/// Each knows one trouble by its words.
const KNOWN: [fn(&str) -> Option<Error>; 15] = [
    port_in_use,
    name_taken,
    network_name_taken,
    pool_overlaps,
    no_addresses,
    address_taken,
    address_outside,
    no_fixed_addresses,
    program,
    no_user,
    no_image,
    no_network,
    network_in_use,
    mount,
    refused_value,
];

/// `… Bind for 0.0.0.0:8080 failed: port is already allocated`, `… listen tcp4 0.0.0.0:8080: bind: address already in
/// use` or `failed to bind host port for 0.0.0.0:8080:172.18.0.2:80/tcp: address already in use`.
fn port_in_use(says: &str) -> Option<Error> {
    let before =
        ["Bind for ", "listen tcp4 ", "listen tcp6 ", "listen udp4 ", "listen udp6 ", "host port for ", "host port "];
    let bound = before.iter().find_map(|before| says.split_once(before))?.1;
    let port = bound.trim_start_matches("[::]").trim_start_matches(|c: char| c != ':').trim_start_matches(':');
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    ["already allocated", "already in use"].iter().any(|words| says.contains(words)).then(|| {
        Error::machine(format!("port {port} of this host is in use already"))
            .help("`docker ps` and `ss -ltnup` show by whom; give another one under `ports`")
    })
}

/// `Conflict. The container name "/n1" is already in use by container "0b1b…". You have to …`
fn name_taken(says: &str) -> Option<Error> {
    let name = between(says, "The container name \"", "\" is already in use")?.trim_start_matches('/');
    let holder: String = between(says, "by container \"", "\"")?.chars().take(12).collect();
    Some(
        Error::machine(format!("the container {holder} is called {name} already"))
            .help("`blockade up --force` replaces it; another --name or `container_name` leaves it"),
    )
}

/// `network with name shop_net already exists`
fn network_name_taken(says: &str) -> Option<Error> {
    between(says, "network with name ", " already exists").map(network_taken)
}

/// A network's name that is taken.
pub(super) fn network_taken(name: &str) -> Error {
    Error::machine(format!("there is a network {name} already"))
        .help(format!("`docker network rm {name}` removes it; or choose another --name"))
}

/// `Pool overlaps with other one on this address space`
fn pool_overlaps(says: &str) -> Option<Error> {
    says.contains("Pool overlaps").then(|| {
        Error::machine("its subnet overlaps another network's")
            .help("leave `subnet` out, and a free one is chosen; `docker network inspect` shows those in use")
    })
}

/// `no available IPv4 addresses on this network's address pools: shop_net (cfc9…)`
fn no_addresses(says: &str) -> Option<Error> {
    let pools = ["no available IPv", "non-overlapping IPv", "all predefined address pools"];
    pools.iter().any(|words| says.contains(words)).then(|| {
        Error::machine("the network has no free addresses")
            .help("give it a larger `subnet`, or remove containers from it")
    })
}

/// `Address already in use`
fn address_taken(says: &str) -> Option<Error> {
    says.starts_with("Address already in use").then(|| {
        Error::machine("another container has its address already")
            .help("leave `ip` out, and a free one is chosen; `docker network inspect` shows those in use")
    })
}

/// `Invalid address 10.2.0.2: It does not belong to any of this network's subnets`
fn address_outside(says: &str) -> Option<Error> {
    let address = between(says, "nvalid address ", ": It does not belong")?;
    Some(Error::usage(format!("the address {address} is outside of the network's subnets")).help("see `ip`"))
}

/// `user specified IP address is supported only when connecting to networks with user configured subnets`
fn no_fixed_addresses(says: &str) -> Option<Error> {
    says.contains("networks with user configured subnets").then(|| {
        Error::machine("Docker gives fixed addresses only on networks whose subnet was given when they were made")
            .help("make the external network anew with `docker network create --subnet 10.9.0.0/24 NAME`")
    })
}

/// `… exec: "serve": executable file not found in $PATH: unknown`, or `stat /x: no such file or directory`, or
/// `permission denied`.
fn program(says: &str) -> Option<Error> {
    let (name, why) = says.split_once("exec: \"")?.1.split_once("\": ")?;
    let error = if why.contains("not found") || why.contains("no such file") {
        Error::machine(format!("there is no program `{name}` in the container"))
    } else {
        Error::machine(format!("the program `{name}` cannot be run: {}", why.trim_end_matches(": unknown")))
    };
    Some(error.help("see `command`, and whether it is an image's own entry point that is wrong"))
}

/// `unable to find user nobody: no matching entries in passwd file`
fn no_user(says: &str) -> Option<Error> {
    let name = between(says, "unable to find user ", ": no matching")?;
    Some(Error::machine(format!("its image has no user `{name}`")).help("see `user`: a number always works"))
}

/// `No such image: shop/server:9`
fn no_image(says: &str) -> Option<Error> {
    let (_, image) = says.split_once("No such image: ")?;
    let image = image.trim();
    Some(Error::machine(format!("there is no image {image}")).help(format!("`docker pull {image}`, or build it")))
}

/// `network shop_net not found`
fn no_network(says: &str) -> Option<Error> {
    let name = between(says, "network ", " not found")?;
    Some(Error::machine(format!("there is no network {name}")).help(format!("`docker network create {name}`")))
}

/// `error while removing network: network shop_net id 6ecb… has active endpoints`
fn network_in_use(says: &str) -> Option<Error> {
    says.contains(ENDPOINTS).then(|| network_used(&[]))
}

/// A network that cannot be removed because of these containers.
pub(super) fn network_used(users: &[String]) -> Error {
    if users.is_empty() {
        return Error::machine("Docker still counts containers on it")
            .help("it can be removed after a restart of Docker");
    }
    Error::machine(format!("other containers are connected to it: {}", users.join(", ")))
        .help("remove them, or take them off with `docker network disconnect`")
}

/// `… error mounting "/etc/passwd" to rootfs at "/bin": … not a directory: unknown: Are you …`
fn mount(says: &str) -> Option<Error> {
    let (host, rest) = says.split_once("error mounting \"")?.1.split_once("\" to rootfs at \"")?;
    let container = rest.split_once('"')?.0;
    let why = if says.contains("not a directory") { "one is a folder and the other one a file" } else { says };
    Some(Error::machine(format!("cannot mount {host} at {container}: {why}")).help("see `volumes`"))
}

/// What only the cluster file can have got wrong: names, capabilities and volumes as Docker wants them.
fn refused_value(says: &str) -> Option<Error> {
    let says = says.trim();
    let keys = [
        (
            "Invalid container name",
            "a container's name begins with a letter or digit, and holds only those, `_`, `.` and `-`",
        ),
        ("unknown capability", "see `cap_add`"),
        ("invalid characters for a local volume name", "see `volumes`: a path on the host begins with `/` or `.`"),
        ("invalid volume specification", "see `volumes`"),
        ("invalid mode", "see `volumes`: after the second `:` stand options like `ro`"),
        ("Duplicate mount point", "see `volumes`: a folder of the container can be mounted once"),
        ("uids and gids must be in range", "see `user`"),
        ("invalid reference format", "see `image`"),
    ];
    let (_, help) = keys.into_iter().find(|(words, _)| says.contains(words))?;
    Some(Error::usage(format!("Docker says: {says}")).help(help))
}

/// What stands between two texts.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

/// Whether what was named does not exist.
pub fn is_missing(refusal: &Refusal) -> bool {
    status(refusal) == Some(404)
}

/// Whether a name is taken, or something is not in a state for what was asked.
pub fn is_conflict(refusal: &Refusal) -> bool {
    status(refusal) == Some(409)
}

/// Whether a container does not run, which the daemon calls a conflict or, of an exec, its own failure. One that is frozen
/// runs.
pub fn is_down(refusal: &Refusal) -> bool {
    let says = refusal.to_string();
    status(refusal).is_some() && ["is not running", "is restarting"].iter().any(|words| says.contains(words))
}

/// Whether a network cannot be removed because of the containers on it.
pub fn is_in_use(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::DockerResponseServerError { message, .. } if message.contains(ENDPOINTS))
}

/// Whether it was so already: a container that is started while it runs, or stopped while it does not.
pub fn is_unchanged(refusal: &Refusal) -> bool {
    status(refusal) == Some(304)
}

/// Whether the daemon itself could not be asked, or went away in the middle: worth another try once it is back.
pub fn is_gone(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::HyperLegacyError { .. }
            | Refusal::HyperResponseError { .. }
            | Refusal::IOError { .. }
            | Refusal::SocketNotFoundError(_)
    )
}

fn status(refusal: &Refusal) -> Option<u16> {
    match refusal {
        Refusal::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status_code: u16, message: &str) -> Refusal {
        Refusal::DockerResponseServerError { status_code, message: message.to_owned() }
    }

    /// What the user is told of what the daemon says, with the exit code.
    fn told(message: &str) -> String {
        let error = explain("start node n1", &refusal(500, message));
        format!("{}: {error}", error.kind.exit_code())
    }

    #[test]
    fn a_port_in_use_is_named() {
        insta::assert_snapshot!(told("driver failed programming external connectivity on endpoint n1 (9088): Bind for 0.0.0.0:8080 failed: port is already allocated"), @"3: cannot start node n1: port 8080 of this host is in use already (`docker ps` and `ss -ltnup` show by whom; give another one under `ports`)");
        insta::assert_snapshot!(told("driver failed programming external connectivity on endpoint n1 (a129): Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use"), @"3: cannot start node n1: port 8080 of this host is in use already (`docker ps` and `ss -ltnup` show by whom; give another one under `ports`)");
        insta::assert_snapshot!(told("driver failed programming external connectivity on endpoint n1 (a129): failed to bind host port for 0.0.0.0:8080:172.18.0.2:80/tcp: address already in use"), @"3: cannot start node n1: port 8080 of this host is in use already (`docker ps` and `ss -ltnup` show by whom; give another one under `ports`)");
        insta::assert_snapshot!(told("failed to set up container networking: driver failed programming external connectivity on endpoint n1 (a129): failed to bind host port [::]:8080/tcp: address already in use"), @"3: cannot start node n1: port 8080 of this host is in use already (`docker ps` and `ss -ltnup` show by whom; give another one under `ports`)");
    }

    #[test]
    fn a_name_that_is_taken_says_by_whom() {
        insta::assert_snapshot!(told("Conflict. The container name \"/shop_n1\" is already in use by container \"0b1b9451ad80b70875f8dea4264593588c19d1fc195f8956fd1da8fd884d0c51\". You have to remove (or rename) that container to be able to reuse that name."), @"3: cannot start node n1: the container 0b1b9451ad80 is called shop_n1 already (`blockade up --force` replaces it; another --name or `container_name` leaves it)");
        insta::assert_snapshot!(told("network with name shop_net already exists"), @"3: cannot start node n1: there is a network shop_net already (`docker network rm shop_net` removes it; or choose another --name)");
    }

    #[test]
    fn addresses_that_cannot_be_had_say_why() {
        insta::assert_snapshot!(told("Pool overlaps with other one on this address space"), @"3: cannot start node n1: its subnet overlaps another network's (leave `subnet` out, and a free one is chosen; `docker network inspect` shows those in use)");
        insta::assert_snapshot!(told("invalid pool request: Pool overlaps with other one on this address space"), @"3: cannot start node n1: its subnet overlaps another network's (leave `subnet` out, and a free one is chosen; `docker network inspect` shows those in use)");
        insta::assert_snapshot!(told("no available IPv4 addresses on this network's address pools: shop_net (cfc94fbe)"), @"3: cannot start node n1: the network has no free addresses (give it a larger `subnet`, or remove containers from it)");
        insta::assert_snapshot!(told("could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"), @"3: cannot start node n1: the network has no free addresses (give it a larger `subnet`, or remove containers from it)");
        insta::assert_snapshot!(told("Address already in use"), @"3: cannot start node n1: another container has its address already (leave `ip` out, and a free one is chosen; `docker network inspect` shows those in use)");
        insta::assert_snapshot!(told("user specified IP address is supported only when connecting to networks with user configured subnets"), @"3: cannot start node n1: Docker gives fixed addresses only on networks whose subnet was given when they were made (make the external network anew with `docker network create --subnet 10.9.0.0/24 NAME`)");
        insta::assert_snapshot!(told("Invalid address 10.202.0.2: It does not belong to any of this network's subnets"), @"2: cannot start node n1: the address 10.202.0.2 is outside of the network's subnets (see `ip`)");
    }

    #[test]
    fn a_program_that_cannot_be_started_is_named() {
        insta::assert_snapshot!(told("failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"serve\": executable file not found in $PATH: unknown"), @"3: cannot start node n1: there is no program `serve` in the container (see `command`, and whether it is an image's own entry point that is wrong)");
        insta::assert_snapshot!(told("OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"/serve\": stat /serve: no such file or directory: unknown"), @"3: cannot start node n1: there is no program `/serve` in the container (see `command`, and whether it is an image's own entry point that is wrong)");
        insta::assert_snapshot!(told("failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"/etc/hostname\": permission denied: unknown"), @"3: cannot start node n1: the program `/etc/hostname` cannot be run: permission denied (see `command`, and whether it is an image's own entry point that is wrong)");
        insta::assert_snapshot!(told("unable to find user nobodyx: no matching entries in passwd file"), @"3: cannot start node n1: its image has no user `nobodyx` (see `user`: a number always works)");
    }

    #[test]
    fn what_is_not_there_is_named() {
        insta::assert_snapshot!(told("No such image: shop/server:9"), @"3: cannot start node n1: there is no image shop/server:9 (`docker pull shop/server:9`, or build it)");
        insta::assert_snapshot!(told("network shop not found"), @"3: cannot start node n1: there is no network shop (`docker network create shop`)");
        insta::assert_snapshot!(told("No such container: shop_n1"), @"3: cannot start node n1: Docker says: No such container: shop_n1");
        let used = "error while removing network: network shop_net id 6ecb has active endpoints";
        assert!(is_in_use(&refusal(403, used)) && !is_in_use(&refusal(403, "")));
        insta::assert_snapshot!(network_used(&[]), @"Docker still counts containers on it (it can be removed after a restart of Docker)");
        insta::assert_snapshot!(network_used(&["a".to_owned(), "b".to_owned()]), @"other containers are connected to it: a, b (remove them, or take them off with `docker network disconnect`)");
    }

    #[test]
    fn a_wrong_value_of_the_cluster_file_names_its_key() {
        insta::assert_snapshot!(told("Invalid container name (a b!), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"), @"2: cannot start node n1: Docker says: Invalid container name (a b!), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed (a container's name begins with a letter or digit, and holds only those, `_`, `.` and `-`)");
        insta::assert_snapshot!(told("invalid CapAdd: unknown capability: \"CAP_FOO\""), @r#"2: cannot start node n1: Docker says: invalid CapAdd: unknown capability: "CAP_FOO" (see `cap_add`)"#);
        insta::assert_snapshot!(told("create rel/x: \"rel/x\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"), @r#"2: cannot start node n1: Docker says: create rel/x: "rel/x" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path (see `volumes`: a path on the host begins with `/` or `.`)"#);
        insta::assert_snapshot!(told("invalid volume specification: '/x:y': invalid mount config for type \"bind\": invalid mount path: 'y' mount path must be absolute"), @r#"2: cannot start node n1: Docker says: invalid volume specification: '/x:y': invalid mount config for type "bind": invalid mount path: 'y' mount path must be absolute (see `volumes`)"#);
        insta::assert_snapshot!(told("Duplicate mount point: /x"), @"2: cannot start node n1: Docker says: Duplicate mount point: /x (see `volumes`: a folder of the container can be mounted once)");
        insta::assert_snapshot!(told("uids and gids must be in range 0-2147483647"), @"2: cannot start node n1: Docker says: uids and gids must be in range 0-2147483647 (see `user`)");
        insta::assert_snapshot!(told("invalid mode: zz"), @"2: cannot start node n1: Docker says: invalid mode: zz (see `volumes`: after the second `:` stand options like `ro`)");
        insta::assert_snapshot!(told("failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting \"/etc/passwd\" to rootfs at \"/bin\": mount /etc/passwd:/bin (via /proc/self/fd/6), flags: 0x5000: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"), @"3: cannot start node n1: cannot mount /etc/passwd at /bin: one is a folder and the other one a file (see `volumes`)");
    }

    #[test]
    fn a_daemon_that_is_gone_or_slow_is_told() {
        let gone = Refusal::IOError { err: std::io::ErrorKind::ConnectionReset.into() };
        assert!(is_gone(&gone) && !is_gone(&refusal(500, "")));
        insta::assert_snapshot!(explain("stop node n1", &gone), @"cannot stop node n1: Docker does not answer any more (`sudo systemctl status docker` shows why; `blockade doctor` whether it is back)");
        insta::assert_snapshot!(explain("stop node n1", &Refusal::RequestTimeoutError), @"cannot stop node n1: Docker takes too long to answer (`sudo systemctl status docker` shows what it does)");
        insta::assert_snapshot!(explain("stop node n1", &Refusal::APIVersionParseError {}), @"cannot stop node n1: Docker's answer was not understood (Failed to parse API version)");
    }

    #[test]
    fn the_status_tells_missing_from_conflict_from_unchanged() {
        let kinds = |status| {
            let refusal = refusal(status, "");
            [is_missing(&refusal), is_conflict(&refusal), is_unchanged(&refusal)]
        };
        assert_eq!([404, 409, 304].map(kinds), [[true, false, false], [false, true, false], [false, false, true]]);
    }
}
