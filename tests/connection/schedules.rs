//! Connections whose application runs on other threads, in many orders: what a thread has done may come late, while a
//! window opens, a body is asked ahead, or a peer leaves. Threads, streams and the clock are simulated, so each order is
//! one that a seed makes again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use tidegate::connection::{
    BodyMemory, Call, Connection, Context, Inline, Outcome, Place, Ran, Runner, Ticket, Turn,
};
use tidegate::observer::Observers;
use tidegate::protocol::{Endpoints, Protocol};
use tidegate::{AppError, Body, Environ, Limits, Peer, ProtocolName, StartResponse};

use crate::scripted::{Incoming, OPEN, SHUT, Scripted, Window, Wire};

const CONNECTIONS: usize = 4;
const REQUESTS: usize = 3;
const THREADS: usize = 2;
const SEEDS: u64 = 1_000;

#[test]
fn in_any_order_each_response_is_whole_and_each_thread_has_one_request() {
    for seed in 1..=SEEDS {
        let mut world = World::new(seed, false);
        world.run();
        for at in 0..CONNECTIONS {
            assert_eq!(bodies(&world.wires[at]), wanted(at), "seed {seed}, connection {at}");
        }
        world.assert_all_closed(CONNECTIONS * REQUESTS);
    }
}

#[test]
fn in_any_order_a_peer_that_leaves_takes_nothing_of_the_others() {
    for seed in 1..=SEEDS {
        let mut world = World::new(seed, true);
        world.run();
        for at in 0..CONNECTIONS {
            let (bodies, wanted) = (bodies(&world.wires[at]), wanted(at));
            let count = if world.has_left[at] { bodies.len() } else { wanted.len() };
            assert_eq!(bodies, wanted[..count], "seed {seed}, connection {at}");
        }
        let called = world.log.borrow().called.len();
        world.assert_all_closed(called);
    }
}

/// A request's name, which its response has in each chunk.
fn name(connection: usize, request: usize) -> String {
    format!("{connection}-{request}")
}

/// How many chunks the response has: 0 to 4.
fn chunks(name: &str) -> usize {
    name.bytes().map(usize::from).sum::<usize>() % 5
}

/// The bodies that a connection's peer is to get.
fn wanted(connection: usize) -> Vec<String> {
    let names = (0..REQUESTS).map(|request| name(connection, request));
    names.map(|name| format!("{name} ").repeat(20 * chunks(&name))).collect()
}

/// The bodies of the responses that a peer has got to their end.
fn bodies(wire: &Rc<RefCell<Wire>>) -> Vec<String> {
    let text = String::from_utf8(wire.borrow().written.clone()).unwrap();
    let (mut rest, mut bodies) = (text.as_str(), Vec::new());
    while let Some((body, behind)) = body(rest) {
        bodies.push(body);
        rest = behind;
    }
    bodies
}

/// The body of the first response, and what stands behind it; `None` if it has no end yet.
fn body(text: &str) -> Option<(String, &str)> {
    let (head, mut rest) = text.split_once("\r\n\r\n")?;
    if let Some((_, length)) = head.split_once("Content-Length: ") {
        let length = length.split("\r\n").next()?.parse().ok()?;
        return rest.split_at_checked(length).map(|(body, rest)| (body.to_owned(), rest));
    }
    let mut body = String::new();
    loop {
        let (size, behind) = rest.split_once("\r\n")?;
        let (chunk, behind) = behind.split_at_checked(usize::from_str_radix(size, 16).ok()?)?;
        rest = behind.strip_prefix("\r\n")?;
        if chunk.is_empty() {
            return Some((body, rest));
        }
        body.push_str(chunk);
    }
}

/// What the application has done.
#[derive(Default)]
struct Log {
    called: Vec<String>,
    closed: Vec<String>,
    /// The request that each thread has.
    open: [Option<String>; THREADS],
}

type Application = Box<dyn FnMut(Environ, StartResponse) -> Result<Body, AppError>>;

/// The application on a thread. It fails the test if it is asked for one request while it has another.
fn application(thread: usize, log: Rc<RefCell<Log>>) -> Application {
    Box::new(move |environ, start_response| {
        let name = String::from_utf8(environ.path()[1..].to_vec())?;
        {
            let log = &mut *log.borrow_mut();
            assert_eq!(log.open[thread], None, "{name} is called on a thread that has another request");
            log.open[thread] = Some(name.clone());
            log.called.push(name.clone());
        }
        start_response.start("200 OK", [("X", "y"); 0])?;
        let (of, stepped) = (Rc::clone(&log), name.clone());
        let chunk = Bytes::from(format!("{name} ").repeat(20));
        let steps = (0..chunks(&name)).map(move |_| {
            assert_eq!(of.borrow().open[thread].as_ref(), Some(&stepped), "a step on another's thread");
            Ok(chunk.clone())
        });
        let log = Rc::clone(&log);
        Ok(Body::chunks(steps).with_close(move || {
            let log = &mut *log.borrow_mut();
            assert_eq!(log.open[thread].take().as_ref(), Some(&name), "closed on another's thread");
            log.closed.push(name);
            Ok(())
        }))
    })
}

/// What a connection asks in a turn.
enum Asked {
    Call(Ticket, Box<Call>),
    Step(Ticket, Place),
    Close(Place),
}

/// Notes what is asked.
struct Asking {
    asked: Vec<Asked>,
    tickets: u64,
}

impl Asking {
    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket::new(self.tickets)
    }
}

impl Runner for Asking {
    fn call(&mut self, call: Call) -> Ran {
        let ticket = self.ticket();
        self.asked.push(Asked::Call(ticket, Box::new(call)));
        Ran::Later(ticket)
    }

    fn step(&mut self, place: Place) -> Ran {
        let ticket = self.ticket();
        self.asked.push(Asked::Step(ticket, place));
        Ran::Later(ticket)
    }

    fn close(&mut self, place: Place) {
        self.asked.push(Asked::Close(place));
    }

    fn holds_thread(&self) -> bool {
        true
    }
}

struct World {
    seed: u64,
    peers_leave: bool,
    connections: Vec<Option<Connection<Scripted>>>,
    wires: Vec<Rc<RefCell<Wire>>>,
    has_left: [bool; CONNECTIONS],
    threads: Vec<Inline<Application>>,
    log: Rc<RefCell<Log>>,
    asking: Asking,
    /// Calls that wait for a thread.
    calls: VecDeque<(usize, Ticket, Box<Call>)>,
    /// What is asked of a thread that has the request: connection, thread, and what.
    tasks: Vec<(usize, usize, Asked)>,
    /// The thread that has the request of each connection.
    thread_of: Vec<Option<usize>>,
    limits: Limits,
    bodies: BodyMemory,
}

impl World {
    fn new(seed: u64, peers_leave: bool) -> Self {
        let log = Rc::<RefCell<Log>>::default();
        let (mut connections, mut wires) = (Vec::new(), Vec::new());
        for at in 0..CONNECTIONS {
            let (stream, wire) = Scripted::pair();
            let requests: String = (0..REQUESTS)
                .map(|one| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", name(at, one)))
                .collect();
            wire.borrow_mut().reads.push_back(Incoming::Bytes(requests.into_bytes()));
            wire.borrow_mut().windows_then = vec![SHUT];
            let protocol = Protocol::new(ProtocolName::Http, Endpoints::default);
            connections.push(Some(Connection::new(at as u64, stream, Peer::Unix, protocol)));
            wires.push(wire);
        }
        World {
            seed,
            peers_leave,
            connections,
            wires,
            has_left: [false; CONNECTIONS],
            threads: (0..THREADS).map(|at| Inline::new(application(at, Rc::clone(&log)))).collect(),
            log,
            asking: Asking { asked: Vec::new(), tickets: 0 },
            calls: VecDeque::new(),
            tasks: Vec::new(),
            thread_of: vec![None; CONNECTIONS],
            limits: Limits { ahead_memory_bytes_max: 100, ahead_bytes_max: 10_000, ..Limits::default() },
            bodies: BodyMemory::new(1 << 20),
        }
    }

    /// A number below `bound`: xorshift.
    fn random(&mut self, bound: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::try_from(self.seed % bound as u64).unwrap()
    }

    /// Does one thing after the other, until nothing is left to do.
    fn run(&mut self) {
        for at in 0..CONNECTIONS {
            self.turn(at, Connection::readable);
        }
        for _ in 0..20_000 {
            let is_over = self
                .wires
                .iter()
                .zip(&self.has_left)
                .all(|(wire, left)| *left || bodies(wire).len() == REQUESTS);
            if is_over && self.calls.is_empty() && self.tasks.is_empty() {
                return;
            }
            let at = self.random(CONNECTIONS);
            match self.random(if self.peers_leave { 101 } else { 100 }) {
                0..30 => self.begin_a_call(),
                30..70 => self.run_a_task(),
                70..90 => {
                    let window =
                        if self.random(2) == 0 { OPEN } else { Window::Takes(1 + self.seed as usize % 90) };
                    self.wires[at].borrow_mut().windows.push_front(window);
                    self.turn(at, Connection::advance);
                }
                90..100 => self.ask_ahead(at),
                _ => self.leave(at),
            }
        }
        panic!("there is no end");
    }

    fn begin_a_call(&mut self) {
        let idle = (0..THREADS).find(|thread| self.log.borrow().open[*thread].is_none());
        let Some(thread) = idle else { return };
        let Some((at, ticket, call)) = self.calls.pop_front() else { return };
        if self.has_left[at] {
            return;
        }
        self.thread_of[at] = Some(thread);
        let ran = self.threads[thread].call(*call);
        self.deliver(at, thread, ticket, now(ran));
    }

    fn run_a_task(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let (at, thread, asked) = {
            let one = self.random(self.tasks.len());
            self.tasks.remove(one)
        };
        match asked {
            Asked::Step(ticket, place) => {
                let ran = self.threads[thread].step(place);
                self.deliver(at, thread, ticket, now(ran));
            }
            Asked::Close(place) => self.threads[thread].close(place),
            Asked::Call(..) => unreachable!("calls wait elsewhere"),
        }
    }

    fn deliver(&mut self, at: usize, thread: usize, ticket: Ticket, outcome: Outcome) {
        let mut left_open = outcome.open();
        if self.connections[at].is_some() {
            self.turn(at, |connection, cx| match connection.deliver(ticket, outcome, cx) {
                Ok(turn) => {
                    left_open = None;
                    turn
                }
                Err(open) => {
                    left_open = open;
                    Turn::Blocked
                }
            });
        }
        if let Some(place) = left_open {
            self.tasks.push((at, thread, Asked::Close(place)));
        }
    }

    fn ask_ahead(&mut self, at: usize) {
        if self.connections[at].is_some() {
            self.turn(at, |connection, cx| {
                connection.ask_ahead(cx);
                Turn::Blocked
            });
        }
    }

    fn leave(&mut self, at: usize) {
        if !self.has_left[at] && self.connections[at].is_some() {
            self.has_left[at] = true;
            self.turn(at, Connection::abandon);
        }
    }

    fn turn(&mut self, at: usize, turn: impl FnOnce(&mut Connection<Scripted>, &mut Context<'_>) -> Turn) {
        let Some(connection) = &mut self.connections[at] else { return };
        let now = Instant::now();
        let mut scratch = [0; 4_096];
        let ended = turn(
            connection,
            &mut Context {
                runner: &mut self.asking,
                files: None,
                fields: &[],
                scratch: &mut scratch,
                limits: &self.limits,
                in_their_words: str::to_owned,
                bodies: &self.bodies,
                date: b"Sun, 06 Nov 1994 08:49:37 GMT",
                clock: &|| now,
                observers: Observers::new(None),
                stopping: false,
                closes_kept: false,
            },
        );
        if ended == Turn::Closed
            && let Some(connection) = self.connections[at].take()
        {
            connection.end(&mut self.asking);
        }
        for asked in std::mem::take(&mut self.asking.asked) {
            match asked {
                Asked::Call(ticket, call) => self.calls.push_back((at, ticket, call)),
                asked => {
                    let thread = self.thread_of[at].expect("a body is open on a thread");
                    self.tasks.push((at, thread, asked));
                }
            }
        }
        let asked = |task: &&(usize, usize, Asked)| task.0 == at && !matches!(task.2, Asked::Close(_));
        assert!(self.tasks.iter().filter(asked).count() <= 1, "two steps of one body at once");
    }

    /// Each request was called once, and each body closed once.
    fn assert_all_closed(&self, count: usize) {
        let log = self.log.borrow();
        let (mut called, mut closed) = (log.called.clone(), log.closed.clone());
        called.sort();
        closed.sort();
        assert_eq!(called, closed, "seed {}", self.seed);
        called.dedup();
        assert_eq!(called.len(), count, "seed {}", self.seed);
    }
}

fn now(ran: Ran) -> Outcome {
    match ran {
        Ran::Now(outcome) => outcome,
        Ran::Later(_) => panic!("it runs at once here"),
    }
}
