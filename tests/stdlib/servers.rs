//! `redis`, `etcd` and `postgres`: on the simulator nothing answers, which is no error; and Redis for real.
//!
//! What they make of real answers has its tests in `src/script/modules/tests.rs`.

use crate::common::{Place, User, namespaces, skip};
use crate::holds;

#[test]
fn on_the_simulator_there_is_no_leader_and_everybody_is_healthy() {
    holds(
        3,
        r#"
        import "redis" as redis;
        import "postgres" as postgres;
        assert(redis::primary() == () && redis::primary("n*") == () && redis::role("n1") == ());
        assert(redis::sentinel_primary("n1", "mymaster") == () && redis::info("n1").is_empty());
        assert(redis::healthy(nodes(), "1s") && redis::set("n1", "x", 1) && redis::get("n1", "x") == "");
        assert(redis::cli("n1", ["PING"]) == "");
        assert(postgres::primary() == () && postgres::primary("n*") == () && postgres::role("n1") == ());
        assert(postgres::healthy(nodes(), "1s") && postgres::promote("n1") && postgres::value("n1", "SELECT 1") == ());
        assert(postgres::sql("n1", "SELECT 1").rows.is_empty);
        "#,
    );
}

fn installed(program: &str) -> bool {
    let found = std::process::Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    found.is_ok_and(|output| output.status.success())
}

const REDIS: &str = r#"
nodes:
  r1:
    command: redis-server redis.conf
    ready: { tcp: 6379, within: 10s }
    files:
      redis.conf: &redis |
        bind 0.0.0.0
        port 6379
        protected-mode no
        daemonize no
        dir .
        save ""
        repl-diskless-sync yes
        repl-diskless-sync-delay 0
        replica-announce-ip ${ip}
  r2:
    command: redis-server redis.conf --replicaof ${ip:r1} 6379
    ready: { tcp: 6379, within: 10s }
    files: { redis.conf: *redis }
    links: [r1]
  s1:
    command: redis-server sentinel.conf --sentinel
    ready: { tcp: 26379, within: 10s }
    links: [r1, r2]
    files:
      sentinel.conf: |
        bind 0.0.0.0
        port 26379
        protected-mode no
        daemonize no
        dir .
        sentinel monitor mymaster ${ip:r1} 6379 1
"#;

#[test]
fn real_redis_servers_are_found_read_and_written() {
    if !["redis-server", "redis-cli"].into_iter().all(installed) {
        skip("redis-server and redis-cli are not installed");
        return;
    }
    if !namespaces(User::Ours) {
        return;
    }
    let script = r#"
        import "redis" as redis;
        import "wait" as wait;
        redis::healthy("r*", "20s");
        assert(redis::primary("r*") == "r1" && redis::role("r2") == "slave", "r1 is the primary");
        assert(redis::info("r1").connected_slaves == "1");
        assert(wait::some("5s", || redis::sentinel_primary("s1", "mymaster")) == "r1");
        assert(redis::set("r1", "x", 17) && redis::get("r1", "x") == "17" && redis::get("r1", "none") == "");
        assert(wait::condition("5s", || redis::get("r2", "x") == "17", "x is not replicated"));
        assert(!redis::set("r2", "x", 18), "a replica takes no writes");
        assert(redis::cli("s1", ["PING"], #{ port: 26379 }) == "PONG");
        kill("r1");
        assert(redis::role("r1") == () && redis::primary("r*") == () && redis::get("r1", "x") == ());
        let message = "";
        try { redis::healthy("r*", "1s"); } catch (error) { message = error.message; }
        assert(message.starts_with("Redis on "), message);
    "#;
    Place::with(script, REDIS).run(&["--runtime", "netns"]).with(0);
}
