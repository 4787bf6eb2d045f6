//! A node has as many devices as it has networks, and they come and go.

use crate::support::*;

#[test]
fn the_world_is_cut_off_by_every_device_and_by_one_that_comes_later_or_takes_anothers_name() {
    on_a_host(async |mut host| {
        let (agent, mut heard) = host.agent().await;
        let n1 = host.container(1).await;
        host.plug(&n1, "eth1", 3, &["10.9.0.101/24".into()]).await;
        let found = agent.call(n1.attach()).await.unwrap();
        assert_eq!(found.devices, ["eth0", "eth1"]);
        let both = no_world(&[1, 2], &["eth0", "eth1"]);
        apply(&agent, &[(&n1, &both)]).await;
        assert!(n1.holds(&both));

        // The kernel takes the chain of a device that goes. The new one is another device.
        if !n1.ip("link delete eth1") {
            return;
        }
        told(&mut heard, |now| now.devices == ["eth0"]).await;
        assert!(n1.holds(&no_world(&[1, 2], &["eth0"])));
        host.plug(&n1, "eth1", 4, &["10.9.0.101/24".into()]).await;
        told(&mut heard, |now| now.devices == ["eth0", "eth1"]).await;
        assert!(n1.holds(&both));

        // In one look of the agent's: nothing to tell, and something to mend.
        assert!(n1.ip("link set eth1 down") && n1.ip("link set eth1 name wg+1"));
        told(&mut heard, |now| now.devices == ["eth0", "wg+1"]).await;
        assert!(n1.holds(&no_world(&[1, 2], &["eth0", "wg+1"])));
        agent.close().await;
    });
}

#[test]
fn a_ruleset_for_devices_that_are_not_there_any_more_is_put_on_those_that_are() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let n1 = host.container(1).await;
        agent.call(n1.attach()).await.unwrap();
        let gone = no_world(&[1], &["eth0", "eth7"]);
        assert_eq!(apply(&agent, &[(&n1, &gone)]).await.failures, []);
        // Linux from 6.16 takes a chain for a device that may come; older ones refuse it.
        assert!(n1.holds(&no_world(&[1], &["eth0"])) || n1.holds(&gone));
        let applied = apply(&agent, &[(&n1, &no_world(&[1, 2], &["eth0"]))]).await;
        assert_eq!(applied.failures, []);
        assert!(n1.holds(&no_world(&[1, 2], &["eth0"])));
        agent.close().await;
    });
}

#[test]
fn an_address_that_comes_later_is_told_after_those_that_were_there() {
    on_a_host(async |mut host| {
        let (agent, mut heard) = host.agent().await;
        let n1 = host.container(1).await;
        let before = agent.call(n1.attach()).await.unwrap().addresses;
        host.plug(&n1, "eth1", 3, &["10.8.0.1/24".into()]).await;
        told(&mut heard, |now| {
            now.addresses.starts_with(&before) && now.addresses.contains(&"10.8.0.1".parse().unwrap())
        })
        .await;
        agent.close().await;
    });
}
