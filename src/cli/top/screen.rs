//! The terminal: a screen that is drawn over and over, and keys. It is put back as it was, however this ends.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::flag;
use signal_hook::low_level::unregister;

/// A terminal that is drawn on. Dropping it puts the terminal back.
pub(super) struct Screen {
    terminal: Arc<Terminal>,
    /// A signal has come that ends this.
    ended: Arc<AtomicBool>,
    ids: Vec<SigId>,
}

/// Where keys are read and lines are drawn, and how it was before.
struct Terminal {
    keys: OwnedFd,
    out: File,
    before: Termios,
    is_back: AtomicBool,
}

/// Why there is no more waiting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The time is over.
    Over,
    /// The window may have another size.
    Again,
    /// A key or a signal asks for the end.
    End,
}

impl Screen {
    /// The terminal of stdin and stdout.
    pub(super) fn open() -> io::Result<Self> {
        let keys = io::stdin().as_fd().try_clone_to_owned()?;
        Screen::on(keys, File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    fn on(keys: OwnedFd, out: File) -> io::Result<Self> {
        let before = termios::tcgetattr(&keys)?;
        let mut raw = before.clone();
        let terminal = Arc::new(Terminal { keys, out, before, is_back: AtomicBool::new(false) });
        let mut screen = Screen { terminal: Arc::clone(&terminal), ended: Arc::default(), ids: Vec::new() };
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            screen.ids.push(flag::register(signal, Arc::clone(&screen.ended))?);
        }
        // It only has to end a wait: the window has another size.
        screen.ids.push(flag::register(SIGWINCH, Arc::default())?);
        // What a panic says is to be read on the screen that stays. Another thread's ends nothing here.
        let (tell, thread) = (panic::take_hook(), thread::current().id());
        panic::set_hook(Box::new(move |panic| {
            if thread::current().id() == thread {
                terminal.put_back();
            }
            tell(panic);
        }));
        // Each key at once and unseen; Ctrl-C too is a key.
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        termios::tcsetattr(&screen.terminal.keys, OptionalActions::Now, &raw)?;
        (&screen.terminal.out).write_all(ENTER)?;
        Ok(screen)
    }

    /// Columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        match termios::tcgetwinsize(&self.terminal.out) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
            _ => (80, 24),
        }
    }

    /// Draws these lines, which fit.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let lines: Vec<String> = lines.iter().map(|line| format!("{line}{CLEAR_LINE}")).collect();
        let frame = format!("{HOME}{}{CLEAR_BELOW}", lines.join("\r\n"));
        (&self.terminal.out).write_all(frame.as_bytes())
    }

    /// Waits for a key, another size, or `until`.
    pub(super) fn wait(&mut self, until: Instant) -> Turn {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Turn::Over;
        }
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        let polled = poll(&mut [PollFd::new(self.terminal.keys.as_fd(), PollFlags::POLLIN)], timeout);
        if self.ended.load(Ordering::SeqCst) {
            return Turn::End;
        }
        if polled.is_ok_and(|count| count == 0) {
            return Turn::Over;
        }
        let mut keys = [0; 64];
        match nix::unistd::read(&self.terminal.keys, &mut keys) {
            // A terminal that is gone.
            Ok(0) if polled.is_ok() => Turn::End,
            Ok(read) if keys[..read].iter().any(|key| END_KEYS.contains(key)) => Turn::End,
            _ => Turn::Again,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.terminal.put_back();
        for id in self.ids.drain(..) {
            unregister(id);
        }
    }
}

impl Terminal {
    fn put_back(&self) {
        if !self.is_back.swap(true, Ordering::SeqCst) {
            // With the terminal gone there is nothing to put back.
            let _ = (&self.out).write_all(LEAVE);
            let _ = termios::tcsetattr(&self.keys, OptionalActions::Now, &self.before);
        }
    }
}

/// q, Q, Ctrl-C, Ctrl-D.
const END_KEYS: [u8; 4] = [b'q', b'Q', 3, 4];
/// The other screen, without a cursor, and back (xterm's control sequences, which all terminals of today know).
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Read;
    use std::time::Duration;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    /// Both ends of a terminal.
    fn terminal() -> (File, File) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        (ours.into(), theirs)
    }

    fn modes(terminal: &File) -> LocalModes {
        termios::tcgetattr(terminal).unwrap().local_modes
    }

    fn screen_on(theirs: &File) -> Screen {
        Screen::on(theirs.try_clone().unwrap().into(), theirs.try_clone().unwrap()).unwrap()
    }

    /// What was drawn up to `end`, which comes in as many pieces as the system likes.
    fn read_until(terminal: &mut File, end: &str) -> String {
        let (mut drawn, mut piece) = (String::new(), [0; 256]);
        while !drawn.ends_with(end) {
            let polled = poll(&mut [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)], 30_000_u16);
            assert_eq!(polled, Ok(1), "{end:?} does not come behind {drawn:?}");
            let read = terminal.read(&mut piece).unwrap();
            drawn.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        drawn
    }

    #[test]
    fn it_is_put_back_at_the_end_and_after_a_panic() {
        let (mut ours, theirs) = terminal();
        let before = modes(&theirs);
        for fails in [false, true] {
            let end = theirs.try_clone().unwrap();
            let ended = thread::spawn(move || {
                let mut screen = screen_on(&end);
                screen.draw(&["a".to_owned(), "b".to_owned()]).unwrap();
                assert!(!modes(&end).contains(LocalModes::ECHO));
                assert!(!fails, "as the test wants it");
            });
            assert_eq!(ended.join().is_err(), fails);
            assert_eq!(modes(&theirs), before);
            let drawn = read_until(&mut ours, "\u{1b}[?25h\u{1b}[?1049l");
            assert!(drawn.contains("a\u{1b}[K\r\r\nb\u{1b}[K\u{1b}[J"), "{drawn:?}");
        }
    }

    #[test]
    fn keys_end_it_and_time_passes() {
        let (mut ours, theirs) = terminal();
        let mut screen = screen_on(&theirs);
        assert_eq!(screen.wait(Instant::now() + Duration::from_millis(5)), Turn::Over);
        let later = || Instant::now() + Duration::from_secs(30);
        for (key, turn) in [(b'x', Turn::Again), (b'q', Turn::End), (3, Turn::End)] {
            ours.write_all(&[key]).unwrap();
            assert_eq!(screen.wait(later()), turn);
        }
    }
}
