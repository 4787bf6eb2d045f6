//! HTTP requests between nodes, as the agent makes them. (`tests/http.rs` has them from a script's point of view.)

use crate::skip::skip;
use crate::support::*;
use blockade::agent::Agent;
use blockade::agent::protocol::*;
use blockade::probe::http::{Answer, Request};
use std::net::IpAddr;

/// Answers every request but one for `/hang`; of that one it says when it comes and when whoever asked has gone.
const SERVER: &str = r#"exec python3 -uc '
import socket
listener = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
print("up")
while True:
    peer, _ = listener.accept()
    if b"GET /hang " in peer.recv(4096):
        print("asked")
        peer.recv(1)
        print("gone")
    else:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\nhere")
    peer.close()
'"#;

async fn ask(agent: &Agent, from: Party, path: &str) -> Result<Answer, Failure> {
    agent.call(Http { from, to: "n1".into(), request: Request::get(80, path, LONG) }).await
}

/// Whether the server could be started.
async fn serves(cluster: &Cluster) -> bool {
    let there = std::process::Command::new("python3").arg("--version").output().is_ok();
    if there {
        cluster.start("n1", SERVER).await;
        cluster.logged("n1", "up").await;
    } else {
        skip("there is no python3");
    }
    there
}

#[tokio::test]
async fn nodes_that_have_ipv6_alone_are_asked_from_everywhere() {
    let Some(cluster) = Cluster::with(2, IpAddr::is_ipv6).await else { return };
    if !serves(&cluster).await {
        return;
    }
    for from in [Party::World, Party::Node("n2".into()), Party::Node("n1".into())] {
        let answer = ask(&cluster.agent, from, "/").await.unwrap();
        assert_eq!(answer.response.unwrap().body, "here");
    }
}

#[tokio::test]
async fn a_request_whose_caller_goes_away_ends() {
    let cluster = cluster!(1);
    if !serves(&cluster).await {
        return;
    }
    let agent = cluster.agent.clone();
    let asking = tokio::spawn(async move { ask(&agent, Party::World, "/hang").await });
    cluster.logged("n1", "asked").await;
    asking.abort();
    cluster.logged("n1", "gone").await;
    assert_eq!(ask(&cluster.agent, Party::World, "/").await.unwrap().status(), Some(200));
}

#[tokio::test]
async fn a_node_that_is_none_is_an_error() {
    let cluster = cluster!(1);
    assert!(ask(&cluster.agent, Party::Node("n9".into()), "/").await.is_err());
    let request = Request::get(80, "/a b", LONG);
    assert!(cluster.agent.call(Http { from: Party::World, to: "n1".into(), request }).await.is_err());
}
