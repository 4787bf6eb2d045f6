//! One-shot commands: each asks the supervisor of a cluster that is up, prints the answer and ends.
//!
//! Here arguments become [`Command`](crate::engine::Command)s, names are resolved and chances drawn before anything
//! is asked for; results go to standard output, everything else to standard error.

mod add;
mod events;
mod exec;
mod faults;
mod nodes;
mod shaping;
pub(super) mod show;
mod targets;
mod up;

use super::place::Place;
use crate::engine::{Command, Port, Reply};
use crate::supervisor::{self, Connection};
use crate::{Error, ErrorKind, Result};
use clap::{Args, Subcommand};
use show::Shown;

/// The commands on a cluster that is left up.
#[derive(Debug, Subcommand)]
pub enum OneShot {
    /// Bring the cluster up and leave it up
    Up(up::Up),
    /// Heal everything and remove the cluster
    Destroy(up::Destroy),
    /// Show the nodes
    Status(Format),
    /// Cut the network into groups, in place of the partition in force
    Partition(faults::Partition),
    /// Let packets travel in one direction only
    OneWay(faults::OneWay),
    /// Drop everything that travels from A to B
    Block(faults::Block),
    /// Remove all partitions, one-way and blocked links
    Join(Format),
    /// Heal faults: all of them, stopped nodes included, or those named
    Heal(faults::Heal),
    /// List the active faults
    Faults(Format),
    /// Start nodes that are down
    Start(nodes::Act),
    /// Stop nodes, as their own stop signal and grace say
    Stop(faults::Halt),
    /// Stop and start nodes
    Restart(nodes::Act),
    /// Send a signal to nodes
    Kill(faults::Kill),
    /// Freeze all processes of nodes
    Pause(faults::Halt),
    /// Let frozen nodes go on
    Resume(nodes::Act),
    /// Delay what nodes send
    Slow(shaping::Shape),
    /// Lose some of what nodes send
    Flaky(shaping::Shape),
    /// Send some of what nodes send twice
    Duplicate(shaping::Shape),
    /// Damage some of what nodes send
    Corrupt(shaping::Shape),
    /// Reorder some of what nodes send
    Reorder(shaping::Shape),
    /// Limit the rate at which nodes send
    Throttle(shaping::Shape),
    /// Several at once: delay, loss, rate and the rest
    Degrade(shaping::Shape),
    /// Remove every delay, loss and the like from what nodes send
    Fast(faults::Fast),
    /// Print what a node has written
    Logs(exec::Logs),
    /// Run a program in a node; what ends this command ends the program
    Exec(exec::Exec),
    /// Take in containers that others started, as nodes that `destroy` leaves alone
    Add(add::Add),
    /// Show what was done to the cluster, also after `destroy`
    Events(events::Events),
}

/// How to print.
#[derive(Clone, Copy, Debug, Args, Default)]
pub struct Format {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Carries out one command.
pub fn run(command: OneShot, place: &Place) -> Result<()> {
    // What starts a supervisor has no threads yet.
    let is_new = match &command {
        OneShot::Events(events) => return events.run(place)?.print(),
        OneShot::Up(up) => up.start(place).map(|()| true)?,
        OneShot::Add(_) => add::start(place)?,
        _ => false,
    };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|error| Error::machine(format!("cannot wait for the supervisor: {error}")))?;
    let shown = tokio.block_on(answer(command, place, is_new))?;
    shown.print()
}

async fn answer(command: OneShot, place: &Place, is_new: bool) -> Result<Shown> {
    let command = match command {
        OneShot::Destroy(destroy) => return destroy.run(place).await,
        OneShot::Add(add) => return add.run(place, is_new).await,
        command => command,
    };
    let remote = Remote(supervisor::connect(&place.folder()?, None).await?);
    match command {
        OneShot::Up(up::Up { format, .. }) => unless_interrupted(remote.status(format)).await,
        OneShot::Status(format) => remote.status(format).await,
        OneShot::Destroy(_) | OneShot::Add(_) | OneShot::Events(_) => Ok(Shown::default()),
        OneShot::Partition(partition) => partition.run(&remote).await,
        OneShot::OneWay(one_way) => one_way.run(&remote).await,
        OneShot::Block(block) => block.run(&remote).await,
        OneShot::Join(format) => faults::join(&remote, format).await,
        OneShot::Heal(heal) => heal.run(&remote).await,
        OneShot::Faults(format) => faults::list(&remote, format).await,
        OneShot::Start(act) => act.run(&remote, crate::engine::NodeAction::Start).await,
        OneShot::Restart(act) => act.run(&remote, crate::engine::NodeAction::Restart).await,
        OneShot::Resume(act) => act.run(&remote, crate::engine::NodeAction::Resume).await,
        OneShot::Stop(halt) => halt.stop(&remote).await,
        OneShot::Pause(halt) => halt.pause(&remote).await,
        OneShot::Kill(kill) => kill.run(&remote).await,
        OneShot::Slow(shape) => shape.run(&remote, "slow").await,
        OneShot::Flaky(shape) => shape.run(&remote, "flaky").await,
        OneShot::Duplicate(shape) => shape.run(&remote, "duplicate").await,
        OneShot::Corrupt(shape) => shape.run(&remote, "corrupt").await,
        OneShot::Reorder(shape) => shape.run(&remote, "reorder").await,
        OneShot::Throttle(shape) => shape.run(&remote, "throttle").await,
        OneShot::Degrade(shape) => shape.run(&remote, "degrade").await,
        OneShot::Fast(fast) => fast.run(&remote).await,
        OneShot::Logs(logs) => logs.run(&remote).await,
        OneShot::Exec(exec) => exec.run(&remote).await,
    }
}

/// Gives up at Ctrl-C or SIGTERM, which do not end a process that has started a supervisor.
async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        _ = supervisor::interrupted() => Err(Error::new(ErrorKind::Interrupted, "interrupted")),
    }
}

/// The cluster that is up.
struct Remote(Connection);

impl Remote {
    fn cluster(&self) -> &crate::cluster::Cluster {
        &self.0.info.cluster
    }

    async fn call(&self, command: Command) -> Result<Reply> {
        self.0.port.call("", command).await
    }

    async fn status(&self, format: Format) -> Result<Shown> {
        match self.call(Command::Status).await? {
            Reply::Status(lines) => show::status(&lines, format),
            other => Err(other.odd()),
        }
    }
}
