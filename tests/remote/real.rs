//! Commands on a real daemon: as a person sees them, beside the same commands here.

use super::common::{Place, User, namespaces, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

/// A daemon in a folder of its own, gone with the test.
pub struct Daemon {
    pub place: Place,
    pub url: String,
    child: Child,
}

impl Daemon {
    /// On its socket.
    pub fn new() -> Self {
        Self::with(&[])
    }

    pub fn with(args: &[&str]) -> Self {
        let place = Place::new();
        let mut child = place.command(&[&["daemon"], args].concat()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said =
            lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
        let said = said.next().expect("it listens");
        let url = match said.strip_prefix("unix:") {
            Some(path) => format!("unix://{}", place.path().join(path.trim_start_matches("//")).display()),
            None => said,
        };
        Self { place, url, child }
    }

    /// What the token's file is called.
    pub fn token(&self) -> String {
        self.place.path().join(".blockade/daemon.token").display().to_string()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _gone = self.child.wait();
        for cluster in std::fs::read_dir(self.place.path().join(".blockade/clusters")).into_iter().flatten().flatten() {
            self.place.blockade(&["-n", &cluster.file_name().to_string_lossy(), "destroy"]);
        }
    }
}

pub const CLUSTER: &str = "
network: { subnet: 10.9.0.0/24 }
nodes:
  n1: { command: [sh, -c, 'echo ${env:GREETING}; exec sleep infinity'], ready: { log: '.', within: 30s } }
  n2: { command: sleep infinity }
  n3: { command: sleep infinity }
";

/// Where a person sits: with scripts, a cluster file, and no cluster.
pub fn desk() -> Place {
    let place = Place::new();
    place.write("blockade.yaml", CLUSTER);
    std::fs::create_dir_all(place.path().join("scripts/lib")).unwrap();
    place.write("scripts/lib/cuts.rhai", "fn half() { partition([[\"n1\"], [\"n2\", \"n3\"]]) }");
    place.write(
        "scripts/pass.rhai",
        "import \"lib/cuts\" as cuts;\nfn chaos() { cuts::half(); sleep(\"100ms\"); note(\"cut\"); heal(); }\nfn check() { assert(reachable(\"n1\", \"n2\"), \"whole\"); }",
    );
    place.write("scripts/fail.rhai", "fn chaos() { isolate(\"n1\"); }\nfn check() {\n  assert(1 == 2, \"never\");\n}");
    place.write("scripts/wrong.rhai", "fn chaos() {\n  isolte(\"n1\");\n}");
    place.write("scripts/long.rhai", "fn chaos() { isolate(\"n1\"); note(\"now it is cut\"); sleep(\"1h\"); }");
    place
}

/// Runs the binary at the desk, with a daemon or without.
fn at(desk: &Place, args: &[&str]) -> (i32, String, String) {
    let output = desk.command(args).env("GREETING", "hello").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Without what is another one each time: times, with their units, and folders.
fn timeless(text: &str) -> String {
    let is_told = |line: &&str| !line.starts_with("run folder: ") && !line.starts_with("fetched into ");
    let word =
        |word: &str| if word.starts_with(|c: char| c.is_ascii_digit()) { "N".to_owned() } else { word.to_owned() };
    text.lines()
        .filter(is_told)
        .map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ").replace("N ms", "N s") + "\n")
        .collect()
}

#[test]
fn a_run_over_there_says_what_it_says_here_and_ends_as_here() {
    if !namespaces(User::Ours) {
        return;
    }
    let (daemon, desk) = (Daemon::new(), desk());
    let host = ["--host", daemon.url.as_str()];
    let cases: [(&[&str], i32); 6] = [
        (&["run", "scripts/pass.rhai", "--seed", "1"], 0),
        (&["run", "scripts/fail.rhai", "--seed", "2", "--quiet"], 1),
        (&["run", "scripts/wrong.rhai", "--seed", "3"], 2),
        (&["run", "scripts/none.rhai", "--seed", "4"], 2),
        (&["run", "scripts/pass.rhai", "--runtime", "sim", "--seed", "5"], 0),
        (&["run", "scripts/pass.rhai", "--seed", "6", "--config", "other.yaml"], 2),
    ];
    for (args, code) in cases {
        let (here, there) = (at(&desk, args), at(&desk, &[&host, args].concat()));
        assert_eq!((here.0, there.0), (code, code), "{args:?}\n{here:?}\n{there:?}");
        assert_eq!(timeless(&there.1), timeless(&here.1), "{args:?}");
        assert_eq!(timeless(&there.2), timeless(&here.2), "{args:?}");
    }
    let (_, _, told) = at(&desk, &[&host[..], &["run", "scripts/fail.rhai", "--out", "out"]].concat());
    assert!(told.contains("--> scripts/fail.rhai:3:3") && told.ends_with("fetched into out\n"), "{told}");
    let result: Value = serde_json::from_str(&desk.read("out/result.json")).unwrap();
    assert_eq!((&result["verdict"], desk.read("out/logs/n1.log").as_str()), (&"fail".into(), "hello\n"));
    desk.blockade(&["report", "out"]).with(0);
}

#[test]
fn ctrl_c_here_heals_there() {
    if !namespaces(User::Ours) {
        return;
    }
    let (daemon, desk) = (Daemon::new(), desk());
    let up = at(&desk, &["--host", &daemon.url, "-n", "c1", "up"]);
    assert_eq!(up.0, 0, "{up:?}");
    let faults = || daemon.place.blockade(&["-n", "c1", "faults", "--json"]).with(0).stdout;
    let mut run = desk.command(&["--host", &daemon.url, "-n", "c1", "run", "scripts/long.rhai", "--attach"]);
    let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("it is cut", || faults().contains("isolate"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert_eq!(faults().trim(), "[]");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("error: interrupted"), "{ended:?}");
}

#[test]
fn a_daemon_that_ends_tells_how_its_commands_ended_and_hands_out_what_they_left() {
    if !namespaces(User::Ours) {
        return;
    }
    let (daemon, desk) = (Daemon::new(), desk());
    let mut run = desk.command(&["--host", &daemon.url, "run", "scripts/long.rhai", "--out", "out"]);
    let run = run.env("GREETING", "x").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("now it is cut")));
    kill_process(Pid::from_child(&daemon.child), Signal::TERM).unwrap();
    assert!(lines.any(|line| line.contains("everything is removed")), "it heals");
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{told}");
    assert!(told.contains("error: interrupted") && told.ends_with("fetched into out\n"), "{told}");
    assert!(desk.path().join("out/result.json").is_file());
}

#[test]
fn the_folder_that_was_named_is_replayed_and_no_other_of_its_name() {
    let (daemon, desk) = (Daemon::new(), desk());
    let (code, _, told) =
        at(&desk, &["--host", &daemon.url, "run", "scripts/pass.rhai", "--runtime", "sim", "--seed", "1"]);
    assert_eq!(code, 0, "{told}");
    let id = told.trim_end().rsplit('/').next().unwrap();
    let mine = format!("mine/{id}");
    let run = ["run", "scripts/fail.rhai", "--runtime", "sim", "--seed", "2", "--out", &mine];
    assert_eq!(at(&desk, &run).0, 1);
    let (code, out, told) = at(&desk, &["--host", &daemon.url, "replay", &mine]);
    assert!(code == 1 && out.contains("seed 2,") && told.contains("the same failure as recorded"), "{out}\n{told}");
    let (code, out, told) = at(&desk, &["--host", &daemon.url, "replay", id]);
    assert!(code == 0 && out.contains("seed 1,") && told.contains("passed, as recorded"), "{out}\n{told}");
}

#[test]
fn what_is_said_of_files_names_them_as_they_lie_here() {
    let (daemon, desk) = (Daemon::new(), desk());
    let there = |args: &[&str]| at(&desk, &[&["--host", daemon.url.as_str()], args].concat());
    let run = ["run", "scripts/fail.rhai", "--runtime", "sim", "--seed", "2"];
    let (_, _, told) = there(&run);
    let folder = told.trim_end().rsplit(' ').next().unwrap().to_owned();
    there(&[&run[..], &["--out", "mine/r"]].concat());
    for folder in [folder.as_str(), "mine/r"] {
        let (code, out, told) = there(&["shrink", folder, "--trials", "60"]);
        assert_eq!(code, 0, "{told}");
        let named = format!("--chaos {folder}/minimal.rhai");
        assert!(out.contains(&named) && desk.read(&format!("{folder}/minimal.rhai")).contains(&named), "{out}");
        assert!(!out.contains(&daemon.place.path().display().to_string()), "{out}");
    }
    if !namespaces(User::Ours) {
        return;
    }
    let mut soak =
        desk.command(&["--host", &daemon.url, "soak", "scripts/long.rhai", "--seed-start", "5", "--runs", "3"]);
    let mut child = soak.env("GREETING", "x").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("soak folder: ")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let told: Vec<String> = lines.collect();
    let advice =
        "interrupted: seeds from 5 are left: the same command with --seed-start 5 --runs 3 runs them, as a new soak";
    assert!(told.iter().any(|line| line == advice), "{told:?}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Hands on all connections to a daemon until it is told to cut them.
struct Proxy {
    url: String,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Proxy {
    fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, to) = (listener.local_addr().unwrap(), url.trim_start_matches("http://").to_owned());
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let kept = Arc::clone(&open);
        std::thread::spawn(move || {
            for here in listener.incoming().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                let Some(kept) = kept.as_mut() else { continue };
                let there = TcpStream::connect(&to).unwrap();
                for (mut from, mut into) in
                    [(&here, &there), (&there, &here)].map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
                {
                    std::thread::spawn(move || {
                        let mut bytes = [0; 4096];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            if into.write_all(&bytes[..count]).is_err() {
                                break;
                            }
                        }
                        let _gone = into.shutdown(std::net::Shutdown::Both);
                    });
                }
                kept.extend([here, there]);
            }
        });
        Self { url: format!("http://{address}"), open }
    }

    /// Cuts what is open; from now on nothing comes through, or all again.
    fn cut(&self, for_good: bool) {
        let mut open = self.open.lock().unwrap();
        for stream in open.iter().flatten() {
            let _gone = stream.shutdown(std::net::Shutdown::Both);
        }
        *open = (!for_good).then(Vec::new);
    }

    fn mend(&self) {
        *self.open.lock().unwrap() = Some(Vec::new());
    }
}

#[test]
fn a_run_goes_on_where_the_way_is_lost_and_is_rejoined() {
    if !namespaces(User::Ours) {
        return;
    }
    let (daemon, desk) = (Daemon::with(&["--listen", "127.0.0.1:0"]), desk());
    desk.write("scripts/slow.rhai", "fn chaos() { for i in 0..40 { note(`step ${i}`); sleep(\"500ms\"); } }\nfn check() { assert(false, \"at last\"); }");
    let (proxy, token) = (Proxy::to(&daemon.url), daemon.token());
    let remote = ["--host", proxy.url.as_str(), "--token-file", token.as_str()];
    let mut run = desk.command(&[&remote[..], &["run", "scripts/slow.rhai", "--seed", "7"]].concat());
    let mut child = run.env("GREETING", "x").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut sees = |text: &str| lines.any(|line| line.contains(text));
    assert!(sees("step 1"));
    proxy.cut(false);
    assert!(sees("step 5"), "a short cut is not seen");
    proxy.cut(true);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{told}");
    assert!(told.contains("`run` goes on over there"), "{told}");
    let id = told.split("--resume ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    proxy.mend();
    let (code, stdout, stderr) = at(&desk, &[&remote[..], &["run", "--resume", &id]].concat());
    assert_eq!(code, 1, "{stdout}\n{stderr}");
    assert!(stdout.starts_with("seed 7\n") && (0..40).all(|step| stdout.contains(&format!("step {step}"))), "{stdout}");
    assert!(
        stderr.contains("at last") && desk.path().join(format!(".blockade/runs/{id}/result.json")).is_file(),
        "{stderr}"
    );
    let replay = at(&desk, &[&remote[..], &["replay", &id]].concat());
    assert!(replay.2.contains("the same failure as recorded"), "{replay:?}");
}

#[test]
fn a_soak_over_there_brings_its_failures_and_runs_of_this_machine_are_repeated_there() {
    let (daemon, desk) = (Daemon::new(), desk());
    let there = |args: &[&str]| at(&desk, &[&["--host", daemon.url.as_str()], args].concat());
    desk.write(
        "scripts/some.rhai",
        "fn chaos() { isolate(\"n1\"); }\nfn check() { assert(random(1, 3) != 2, \"unlucky\"); }",
    );
    let soak = [
        "soak",
        "scripts/some.rhai",
        "--runs",
        "9",
        "--seed-start",
        "1",
        "--runtime",
        "sim",
        "--json",
        "--out",
        "soaked",
    ];
    let (code, stdout, stderr) = there(&soak);
    assert!(code == 1 && stderr.ends_with("fetched into soaked\n"), "{stdout}\n{stderr}");
    let summary: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    let seed = summary["failures"][0]["seed"].to_string();
    let failed = format!("soaked/{seed}");
    assert_eq!(serde_json::from_str::<Value>(&desk.read(&format!("{failed}/result.json"))).unwrap()["verdict"], "fail");
    let again = there(&soak);
    assert!(again.0 == 2 && again.2.contains("holds a soak already"), "{again:?}");
    let (code, _, stderr) = there(&["replay", &failed]);
    assert!(code == 1 && stderr.contains("the same failure as recorded"), "{stderr}");
    let (code, _, stderr) = there(&["shrink", &failed, "--trials", "60"]);
    assert!(code == 0 && desk.path().join(&failed).join("minimal.rhai").is_file(), "{stderr}");
}

#[test]
fn one_shot_commands_are_those_of_the_machine_over_there() {
    if !namespaces(User::Ours) {
        return;
    }
    let (daemon, desk) = (Daemon::with(&["--listen", "127.0.0.1:0"]), desk());
    let token = daemon.token();
    let there = |args: &[&str]| {
        at(&desk, &[&["--host", daemon.url.as_str(), "--token-file", token.as_str(), "-n", "c1"][..], args].concat())
    };
    let up = there(&["up"]);
    assert_eq!((up.0, up.1.matches("UP").count()), (0, 3), "{up:?}");
    assert_eq!(there(&["partition", "n1", "n2,n3"]).1, "f1: partition {n1} | {n2, n3}\n");
    let (here, over_there) = (daemon.place.blockade(&["-n", "c1", "faults"]).with(0), there(&["faults"]));
    assert_eq!((0, here.stdout, here.stderr), over_there);
    assert_eq!(there(&["logs", "n1"]), (0, "hello\n".to_owned(), String::new()));
    assert_eq!(there(&["exec", "n1", "--", "printf", "a\\377"]).0, 0);
    let (code, stdout, stderr) = there(&["exec", "n1", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((code, stdout.as_str()), (1, "out\n"));
    assert!(stderr.starts_with("err\n") && stderr.contains("ended with exit code 7"), "{stderr}");
    let mut cat =
        desk.command(&["--host", &daemon.url, "--token-file", &token, "-n", "c1", "exec", "-i", "n1", "--", "cat"]);
    let mut cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    cat.stdin.take().unwrap().write_all("from the desk: ä\n".as_bytes()).unwrap();
    assert_eq!(cat.wait_with_output().unwrap().stdout, "from the desk: ä\n".as_bytes());
    let events = there(&["events", "--json", "--output", "events.json"]);
    assert_eq!((events.0, events.2.as_str()), (0, "fetched events.json\n"));
    assert!(desk.read("events.json").contains("partition"));
    assert!(there(&["status", "nonsense"]).0 == 2 && there(&["isolate"]).0 == 2);
    let unknown = there(&["stop", "n9"]);
    assert!(unknown.0 == 2 && unknown.2.contains("there is no node `n9`"), "{unknown:?}");
    assert_eq!(there(&["destroy"]).0, 0);
    assert_eq!(there(&["status"]).0, daemon.place.blockade(&["-n", "c1", "status"]).code);
    let stranger = at(&desk, &["--host", &daemon.url, "status"]);
    assert!(stranger.0 == 2 && stranger.2.contains("asks for its token"), "{stranger:?}");
}

#[test]
fn a_certificate_is_pinned_by_the_fingerprint_that_the_daemon_prints() {
    let (daemon, desk) = (Daemon::with(&["--listen", "127.0.0.1:0", "--tls"]), desk());
    assert!(daemon.url.starts_with("https://"), "{}", daemon.url);
    let fingerprint = daemon.place.read(".blockade/daemon.fingerprint").trim().to_owned();
    let token = daemon.token();
    let with = |fingerprint: &str| {
        at(&desk, &["--host", &daemon.url, "--token-file", &token, "--fingerprint", fingerprint, "faults"])
    };
    let absent = daemon.place.blockade(&["-n", "x", "faults"]);
    assert_eq!(with(&fingerprint).0, absent.code);
    assert!(with(&fingerprint).2.contains("no cluster"), "{:?}", with(&fingerprint));
    // What is written counts before what the environment says.
    let authority = daemon.place.path().join(".blockade/daemon.crt").display().to_string();
    let mut by_authority = desk.command(&["--host", &daemon.url, "--token-file", &token, "--ca", &authority, "faults"]);
    let output = by_authority.env("BLOCKADE_FINGERPRINT", "0".repeat(64)).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no cluster"), "{output:?}");
    let other = with(&"ab".repeat(32));
    assert!(other.0 == 3 && other.2.contains(&fingerprint), "{other:?}");
    let roots = at(&desk, &["--host", &daemon.url, "--token-file", &token, "faults"]);
    assert!(roots.0 == 3 && roots.2.contains("--fingerprint"), "{roots:?}");
}
