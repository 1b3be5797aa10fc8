//! How a worker is told to stop: by another thread, or by a signal.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;

/// Tells a worker to stop. Clones tell the same worker.
#[derive(Clone, Debug)]
pub struct Stopper {
    /// A [`Stop`]; 0 is none.
    order: Arc<AtomicUsize>,
    wake: Arc<UnixStream>,
}

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Accept no more, as others do so on the same sockets, and finish what runs.
    Retire = 1,
    /// Accept what waits already, as no other process will, then no more, and finish what runs.
    Gracefully,
    /// Drop every connection.
    Now,
}

impl Stopper {
    /// A stopper, and what its worker listens to.
    pub(crate) fn pair() -> io::Result<(Stopper, Orders)> {
        let (wake, woken) = UnixStream::pair()?;
        for end in [&wake, &woken] {
            end.set_nonblocking(true)?;
        }
        let order = Arc::new(AtomicUsize::new(0));
        let orders = Orders { order: Arc::clone(&order), woken: mio::net::UnixStream::from_std(woken) };
        Ok((Stopper { order, wake: Arc::new(wake) }, orders))
    }

    /// Gives the order; a stricter one stays in force.
    pub fn stop(&self, stop: Stop) {
        self.order.fetch_max(stop as usize, Ordering::SeqCst);
        // A full pipe is as good as a byte in it, and a worker that is gone needs none.
        let _ = (&*self.wake).write(b"!");
    }

    /// SIGTERM, SIGQUIT and SIGINT stop gracefully from here on; a second SIGINT ends the process at once.
    pub fn on_signals(&self) -> io::Result<()> {
        let interrupted = Arc::new(AtomicBool::new(false));
        // Handlers run in the order of their registration, so the first SIGINT only arms the second.
        flag::register_conditional_shutdown(SIGINT, 128 + SIGINT, Arc::clone(&interrupted))?;
        flag::register(SIGINT, interrupted)?;
        for signal in [SIGTERM, SIGQUIT, SIGINT] {
            flag::register_usize(signal, Arc::clone(&self.order), Stop::Gracefully as usize)?;
            pipe::register(signal, self.wake.try_clone()?)?;
        }
        Ok(())
    }
}

/// The worker's end: readable when there is an order.
#[derive(Debug)]
pub(crate) struct Orders {
    order: Arc<AtomicUsize>,
    woken: mio::net::UnixStream,
}

impl Orders {
    /// What to register with the poller.
    pub(crate) fn source(&mut self) -> &mut mio::net::UnixStream {
        &mut self.woken
    }

    /// The order in force.
    pub(crate) fn take(&mut self) -> Option<Stop> {
        let mut wakes = [0; 64];
        while self.woken.read(&mut wakes).is_ok_and(|read| read > 0) {}
        let order = self.order.load(Ordering::SeqCst);
        [Stop::Retire, Stop::Gracefully, Stop::Now].into_iter().find(|stop| *stop as usize == order)
    }
}
