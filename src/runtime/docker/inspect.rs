//! Looking at containers.

use super::error::{self, Explained};
use super::life::Seen;
use crate::signal::Signal;
use crate::{Error, Result};
use bollard::Docker;
use bollard::models::{ContainerInspectResponse, ContainerState};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a look at a container shows.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// Whether its program runs.
    pub(super) seen: Seen,
    /// Its first process, as the host numbers them, while it runs.
    pub(super) pid: Option<i32>,
    /// The signal that asks its program to end.
    pub(super) stop_signal: Signal,
    /// When the look began, nanoseconds since 1970.
    pub(super) at_ns: i64,
    /// All that Docker says of it.
    pub(super) raw: ContainerInspectResponse,
}

/// Looks at a container; nothing where there is none.
pub(super) async fn container(docker: &Docker, id: &str) -> Result<Option<Look>> {
    let at_ns = now_ns();
    match docker.inspect_container(id, None).await {
        Ok(raw) => Look::of(raw, at_ns).map(Some),
        Err(refusal) if error::is_missing(&refusal) => Ok(None),
        Err(refusal) => Err(refusal).or_cannot(|| format!("look at the container {id}")),
    }
}

impl Look {
    /// The first process of what runs, and since when.
    pub(super) fn runs(&self) -> Option<(i32, i64)> {
        match self.seen {
            Seen::Running { started_ns, .. } => self.pid.map(|pid| (pid, started_ns)),
            Seen::Ended { .. } | Seen::Nothing => None,
        }
    }

    /// Its addresses, as Docker knows them, those of each network together: by them its network is known again. None
    /// where it has no network of its own.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let settings = self.raw.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        let mut networks: Vec<_> = settings.into_iter().flatten().collect();
        networks.sort_by_key(|(name, _)| *name);
        let texts =
            networks.iter().flat_map(|(_, end)| [end.ip_address.as_deref(), end.global_ipv6_address.as_deref()]);
        texts.flatten().filter_map(|text| text.parse().ok()).collect()
    }

    fn of(raw: ContainerInspectResponse, at_ns: i64) -> Result<Self> {
        let state = raw.state.clone().unwrap_or_default();
        let pid = state.pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0);
        let signal = raw.config.as_ref().and_then(|config| config.stop_signal.as_deref());
        let stop_signal = signal.and_then(|name| Signal::parse(name).ok()).unwrap_or(Signal::TERM);
        Ok(Self { seen: seen(&state)?, pid, stop_signal, at_ns, raw })
    }
}

/// Between two lives of a container with a restart policy, Docker says that it runs and restarts.
fn seen(state: &ContainerState) -> Result<Seen> {
    if state.running == Some(true) && state.restarting != Some(true) {
        let started_ns = parse_ns(state.started_at.as_deref())?;
        return Ok(Seen::Running { started_ns, paused: state.paused == Some(true) });
    }
    let code = state.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or_default();
    Ok(Seen::Ended { finished_ns: parse_ns(state.finished_at.as_deref())?, code })
}

/// A time as Docker writes it: what has not happened yet did so in the year 1.
fn parse_ns(time: Option<&str>) -> Result<i64> {
    let Some(time) = time.filter(|time| !time.starts_with("0001-")) else { return Ok(0) };
    let parsed = time.parse::<jiff::Timestamp>();
    let parsed = parsed.map_err(|error| Error::machine(format!("Docker says that it is {time}: {error}")))?;
    Ok(i64::try_from(parsed.as_nanosecond()).unwrap_or_default())
}

/// Now, as the daemon of the same host would say it, nanoseconds since 1970.
pub(super) fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> Result<Seen> {
        seen(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_container_that_runs_is_told_from_one_that_ended_or_never_began() {
        let zero = r#""FinishedAt": "0001-01-01T00:00:00Z""#;
        assert_eq!(
            state(&format!(r#"{{"Running": true, "StartedAt": "1970-01-01T00:00:01.000000002Z", {zero}}}"#)).unwrap(),
            Seen::Running { started_ns: 1_000_000_002, paused: false }
        );
        assert_eq!(
            state(&format!(r#"{{"Running": false, "ExitCode": 0, {zero}}}"#)).unwrap(),
            Seen::Ended { finished_ns: 0, code: 0 }
        );
        let between = r#"{"Running": true, "Restarting": true, "ExitCode": 3, "FinishedAt": "1970-01-01T00:00:02Z"}"#;
        assert_eq!(state(between).unwrap(), Seen::Ended { finished_ns: 2_000_000_000, code: 3 });
        assert!(state(r#"{"Running": true, "StartedAt": "yesterday"}"#).is_err());
    }
}
