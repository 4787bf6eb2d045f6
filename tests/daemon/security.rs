//! Who is let in.

use super::http::{Address, Answer, raw, request};
use super::running::Running;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;
use std::os::unix::fs::MetadataExt;

/// Every path of the OpenAPI document with each of its methods.
fn documented(running: &Running) -> Vec<(String, String)> {
    let document = running.get("/v1/openapi.json");
    let paths = document["paths"].as_object().unwrap().clone();
    let of = |(path, methods): (String, serde_json::Value)| {
        let methods: Vec<String> = methods.as_object().unwrap().keys().cloned().collect();
        methods.into_iter().map(move |method| (method.to_uppercase(), path.clone()))
    };
    paths.into_iter().flat_map(of).collect()
}

#[test]
fn journals_of_what_is_done_for_others_are_for_the_daemons_user_alone() {
    let running = Running::with_cluster("sim");
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().mode() & 0o777;
    running.post("/blockade/c1/chaos", json!({})).with(201);
    running.ask("DELETE", "/blockade/c1/chaos", "").with(200);
    let files = json!({ "s.rhai": "fn chaos() {}", "blockade.yaml": "nodes: { n1: {} }" });
    let args = ["run", "s.rhai", "--runtime", "sim"];
    let sent = running.post("/v1/commands", json!({ "args": args, "files": files })).with(201).json();
    let id = sent["id"].as_str().unwrap();
    running.ask("GET", &format!("/v1/commands/{id}/output"), "").with(200);
    let data_dir = running.place.path().join(".blockade");
    assert_eq!(mode(data_dir.join("clusters/c1/journal.jsonl")), 0o600);
    let runs: Vec<_> = std::fs::read_dir(data_dir.join("runs")).unwrap().map(|run| run.unwrap().path()).collect();
    assert_eq!(runs.iter().map(|run| mode(run.join("journal.jsonl"))).collect::<Vec<_>>(), [0o600; 2]);
    // A person's own are as their umask says.
    let script = running.place.write("s.rhai", "fn chaos() {}");
    running.place.blockade(&["run", "s.rhai", "--runtime", "sim", "--out", "own"]).with(0);
    assert_eq!(mode(running.place.path().join("own/journal.jsonl")), mode(script));
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

#[test]
fn the_token_is_taken_as_the_password_of_any_user_and_guards_no_less_so() {
    let running = Running::on_tcp();
    let token = running.token.clone().unwrap();
    let asked = |user: &str, headers: &[(&str, &str)]| {
        let basic = basic(user, &token);
        let all = [&[("Authorization", basic.as_str())], headers].concat();
        raw(&running.address, &request("GET", "/v1/clusters", &all, "")).unwrap()
    };
    for user in ["", "any", "käthe"] {
        asked(user, &[]).with(200);
    }
    // A browser sends it along with what a stranger's page asks for, too.
    asked("", &[("Origin", "https://evil.example")]).with(403);
}

#[test]
fn no_documented_route_answers_without_the_token() {
    let running = Running::on_tcp();
    let mut routes = documented(&running);
    assert!(routes.len() > 25, "{routes:?}");
    for expected in
        [("POST", "/blockade/{name}/chaos"), ("DELETE", "/v1/clusters/{cluster}/faults/{fault}"), ("GET", "/metrics")]
    {
        assert!(routes.iter().any(|(method, path)| (method.as_str(), path.as_str()) == expected), "{expected:?}");
    }
    routes.extend(
        [
            ("GET", "/v1/openapi.json"),
            ("GET", "/"),
            ("GET", "/page.js"),
            ("GET", "/page/api.js"),
            ("GET", "/nowhere"),
            ("OPTIONS", "/blockade"),
        ]
        .map(|(method, path)| (method.to_owned(), path.to_owned())),
    );
    let token = running.token.clone().unwrap();
    let wrong = [
        Vec::new(),
        vec![("Authorization", "Bearer".to_owned())],
        vec![("Authorization", "Bearer ".to_owned())],
        vec![("Authorization", format!("Bearer {}", &token[1..]))],
        vec![("Authorization", format!("Bearer {token}x"))],
        vec![("Authorization", format!("Basic {token}"))],
        vec![("Authorization", basic("any", &token[1..]))],
        vec![("Authorization", basic(&token, ""))],
        vec![("Authorization", token.clone())],
        vec![("Cookie", format!("token={token}"))],
        vec![("X-Token", token.clone())],
    ];
    for (method, path) in &routes {
        let path = path.replace(['{', '}'], "");
        for headers in &wrong {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = raw(&running.address, &request(method, &path, &headers, "")).unwrap().with(401);
            for asked in ["www-authenticate: bearer\r\n", "www-authenticate: basic realm=\"blockade\"\r\n"] {
                assert!(format!("{}\r\n", answer.head).contains(asked), "{}", answer.head);
            }
            assert!(!answer.body.contains(&token), "{}", answer.body);
        }
        let query = format!("{path}?token={token}&access_token={token}");
        raw(&running.address, &request(method, &query, &[], "")).unwrap().with(401);
    }
    assert_eq!(raw(&running.address, &request("GET", "/healthz", &[], "")).unwrap().with(200).body, "{\"ok\":true}\n");
    let method = raw(&running.address, &request("DELETE", "/healthz", &[], "")).unwrap().with(405);
    assert_eq!(method.detail(), "this route has no such method");
    assert!(method.head.contains("allow: get,head"), "{}", method.head);
}

#[test]
fn every_documented_route_exists_and_answers_in_json() {
    let running = Running::on_tcp();
    for (method, path) in documented(&running) {
        let answer = running.ask(&method, &path.replace(['{', '}'], ""), "");
        assert!(answer.status < 500 && answer.status != 405, "{method} {path}: {answer:?}");
        if answer.status >= 400 {
            assert_ne!(answer.detail(), "there is no such route", "{method} {path}");
        }
    }
}

#[test]
fn a_made_token_is_its_users_alone_and_stays_over_a_restart() {
    let running = Running::on_tcp();
    let path = running.place.path().join(".blockade/daemon.token");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert!(running.token.as_ref().unwrap().len() >= 32);
    let mut running = running;
    let before = running.token.clone();
    running.end(rustix::process::Signal::KILL);
    running.again();
    assert_eq!(running.place.read(".blockade/daemon.token").trim_end(), before.unwrap());
    running.get("/blockade");
}

#[test]
fn pages_of_other_origins_are_refused_and_no_cookie_is_set() {
    let running = Running::on_tcp();
    let Address::Tcp(address) = running.address.clone() else { panic!("an address") };
    let from = |origin: &str| -> Answer { running.ask_with("GET", "/blockade", &[("Origin", origin)], "") };
    for foreign in ["https://evil.example", "null", "http://localhost.evil.example", &format!("http://{address}")] {
        from(foreign).with(403); // the requests name `localhost` as their host
    }
    let own = from("http://localhost").with(200);
    assert!(!own.head.contains("set-cookie") && !own.head.contains("access-control-allow"), "{}", own.head);
    assert!(own.head.contains("cache-control: no-store"), "{}", own.head);
    // A preflight is refused as any other request of a stranger's page.
    let preflight = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")];
    running.ask_with("OPTIONS", "/blockade/c1", &preflight, "").with(403);
}

#[test]
fn a_name_cannot_leave_its_folder() {
    let running = Running::new();
    running.place.write("secret", "of the host");
    for name in ["..", "%2e%2e", "..%2f..%2fsecret", "%2fetc", "a%00b", "c1%0a", "%ff"] {
        for path in
            [format!("/blockade/{name}"), format!("/v1/clusters/{name}/audit"), format!("/v1/clusters/{name}/events")]
        {
            let answer = running.ask("GET", &path, "");
            assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
            assert!(!answer.body.contains("of the host"), "{path}: {answer:?}");
        }
        let answer = running.ask("DELETE", &format!("/blockade/{name}"), "");
        assert!([400, 404].contains(&answer.status), "{name}: {answer:?}");
    }
    assert_eq!(running.place.read("secret"), "of the host");
}

#[test]
fn a_name_of_somebody_elses_leads_to_no_daemon_without_a_token() {
    let asked = |host: &str| format!("GET /v1/clusters HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let running = Running::new();
    let ask = |host: &str| raw(&running.address, asked(host).as_bytes()).unwrap();
    assert!(ask("evil.example:5000").with(403).detail().contains("ask for `localhost`"));
    for own in ["localhost:5000", "127.0.0.1:5000", "b"] {
        ask(own).with(200);
    }
    // Where a token is asked for, it is what lets somebody in.
    let running = Running::on_tcp();
    let bearer = format!("Bearer {}", running.token.as_ref().unwrap());
    let head = asked("box.example:5000").replace("Connection", &format!("Authorization: {bearer}\r\nConnection"));
    raw(&running.address, head.as_bytes()).unwrap().with(200);
}
