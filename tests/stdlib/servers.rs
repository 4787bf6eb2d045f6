//! `redis`, `etcd` and `postgres`: on the simulator nothing answers, which is no error; and each for real.
//!
//! What they make of real answers has its tests in `src/script/modules/tests.rs`.

use crate::common::{self, Place, User, installed, namespaces, skip};
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
    if !installed(&["redis-server", "redis-cli"]) || !namespaces(User::Ours) {
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

/// A script on the cluster of one of the scenarios, in a folder that all users may enter.
fn on_the_cluster_of(scenario: &str, script: &str) -> Place {
    use std::os::unix::fs::PermissionsExt;
    let cluster = format!("{}/scripts/{scenario}.yaml", env!("CARGO_MANIFEST_DIR"));
    let place = Place::with(script, &std::fs::read_to_string(cluster).unwrap());
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    place
}

#[test]
fn a_real_etcd_is_found_read_and_written() {
    if !installed(&["etcd"]) || !namespaces(User::Ours) {
        return;
    }
    let script = r#"
        import "etcd" as etcd;
        import "wait" as wait;
        etcd::healthy("e*", "60s");
        let leader = wait::some("30s", || etcd::leader());
        let others = nodes().filter(|node| node != leader);
        assert(etcd::leader(leader) == leader && etcd::leader(others) == ());
        let status = etcd::status(leader);
        assert(status.member == status.leader && status.term >= 1 && status.index >= 1, `${status}`);
        assert(etcd::status(others[0]).leader == status.member && etcd::status(others[0]).member != status.member);

        assert(etcd::get("e1", "x") == #{ found: false, value: (), revision: 0 });
        assert(etcd::cas("e1", "x", "", 1) == false, "what is not there is not empty");
        assert(etcd::put("e2", "x", 17) && etcd::get("e3", "x").value == "17" && etcd::get("e3", "x").revision >= 2);
        assert(etcd::cas("e1", "x", 16, 18) == false && etcd::get("e1", "x").value == "17");
        assert(etcd::cas("e1", "x", 17, 18) == true && etcd::get("e2", "x").value == "18");
        assert(etcd::put("e1", "empty", "") && etcd::get("e1", "empty").found && etcd::get("e1", "empty").value == "");
        assert(etcd::put("e1", "y", "é, \"x\"\n") && etcd::get("e1", "y").value == "é, \"x\"\n");
        assert(etcd::post("e1", "/v3/kv/nothing", #{}) == ());

        let cut = partition([[leader], others]);
        assert(!etcd::put(leader, "x", 1) && etcd::get(leader, "x") == () && etcd::cas(leader, "x", 18, 1) == ());
        let next = wait::some("30s", || etcd::leader(others));
        assert(etcd::leader() == next, "of two that lead, the later one");
        let told = "";
        try { etcd::healthy("e*", "1s"); } catch (error) { told = error.message; }
        assert(told.starts_with("etcd on "), told);
        cut.heal();
        etcd::healthy("e*", "60s");
        kill("e1");
        assert(etcd::status("e1") == () && !etcd::put("e1", "x", 2) && etcd::cas("e1", "x", 18, 2) == ());
    "#;
    on_the_cluster_of("etcd_kv", script).run(&["--runtime", "netns"]).with(0);
}

#[test]
fn a_real_postgres_is_found_read_written_and_promoted() {
    if !rustix::process::geteuid().is_root() {
        skip("PostgreSQL runs as the user postgres, whom only root can become");
        return;
    }
    if !common::postgres() || !namespaces(User::Ours) {
        return;
    }
    let script = r#"
        import "postgres" as postgres;
        import "wait" as wait;
        postgres::healthy(["p", "s"], "60s");
        assert(postgres::primary(["p", "s"]) == "p" && postgres::role("p") == "primary" && postgres::role("s") == "standby");
        assert(postgres::sql("p", "CREATE TABLE t (n int, v text)").ok);
        assert(postgres::sql("p", "INSERT INTO t VALUES (1, 'a'), (2, NULL)").ok);
        assert(postgres::sql("p", "SELECT n, v FROM t ORDER BY n").rows == ["1|a", "2|"]);
        assert(postgres::value("p", "SELECT count(*) FROM t") == "2" && postgres::value("p", "SELECT n FROM t WHERE n = 7") == ());
        assert(postgres::sql("c", "SELECT 1", #{ host: "p" }).rows == ["1"], "from another node");
        wait::condition("30s", || postgres::value("s", "SELECT count(*) FROM t") == "2", "t is not replicated");

        let refused = postgres::sql("s", "INSERT INTO t VALUES (3)");
        assert(!refused.ok && refused.error.contains("read-only transaction"), `${refused}`);
        let late = postgres::sql("p", "SELECT pg_sleep(60)", #{ timeout: "500ms" });
        assert(!late.ok && late.rows.is_empty && late.error == "no answer within 0.5 s", `${late}`);
        assert(!postgres::promote("p"), "a primary cannot be made one");

        kill("p");
        assert(postgres::role("p") == () && postgres::primary(["p", "s"]) == ());
        let told = "";
        try { postgres::healthy(["p", "s"], "1s"); } catch (error) { told = error.message; }
        assert(told.starts_with("PostgreSQL on "), told);
        assert(postgres::promote("s") && postgres::primary(["p", "s"]) == "s" && postgres::role("s") == "primary");
        assert(postgres::sql("s", "INSERT INTO t VALUES (3)").ok && postgres::healthy("s", "10s"));
    "#;
    on_the_cluster_of("postgres_failover", script).run(&["--runtime", "netns"]).with(0);
}
