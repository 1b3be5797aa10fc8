//! A server under test: a child process, perhaps with workers of its own, that ends with this program.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::address::Address;
use crate::cores::Cores;
use crate::procfs;

/// From exec to the first accepted connection.
const START_TIME: Duration = Duration::from_secs(10);

/// Killed when dropped.
pub struct Server {
    child: Child,
    /// Where it answers.
    pub address: Address,
    log: PathBuf,
}

impl Server {
    /// Starts `command` on the server's core and waits until `address` takes a connection. What it
    /// prints goes to the file `log`, whose end becomes the error if it does not come up.
    pub fn start(mut command: Command, address: Address, log: &Path, cores: &Cores) -> io::Result<Server> {
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = cores.on_servers_core(|| command.spawn())?;
        let mut server = Server { child, address: address.clone(), log: log.to_owned() };
        server.wait_for(&address)?;
        Ok(server)
    }

    /// Waits until it answers at a further address.
    pub fn wait_for(&mut self, address: &Address) -> io::Result<()> {
        let deadline = Instant::now() + START_TIME;
        while !address.is_served() {
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(io::Error::other(format!("does not start: {}", self.last_line())));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time so far, its workers' included.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        procfs::family(self.pid())?.into_iter().map(procfs::cpu_time).sum()
    }

    /// The most that each of its processes had resident, added up: what they share counts for each.
    pub fn peak_memory(&self) -> io::Result<u64> {
        let peak = |pid| procfs::memory(pid).map(|memory| memory.peak);
        procfs::family(self.pid())?.into_iter().map(peak).sum()
    }

    /// The last that it printed: where to look first when it fails.
    pub fn last_line(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("(nothing printed)").to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Any of them may have ended by itself: that is no error here.
        let family = procfs::family(self.pid()).unwrap_or_default();
        let _ = self.child.kill();
        let _ = self.child.wait();
        for worker in family.iter().skip(1).filter_map(|pid| Pid::from_raw(*pid as i32)) {
            let _ = kill_process(worker, Signal::KILL);
        }
    }
}
