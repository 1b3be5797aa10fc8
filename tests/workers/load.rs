//! Load: clients that ask and count until they are told to stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crate::support::client::{Response, read_all};
use crate::support::eventually;
use crate::support::nginx::{Nginx, head};

/// Clients of an nginx that ask for one path, again and again.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    answers: Arc<Mutex<BTreeMap<String, usize>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts so many clients.
    pub(crate) fn start(nginx: &Nginx, clients: usize, path: &str) -> Load {
        let over = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicUsize::new(0));
        let answers: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let request = head(&format!("GET {path}"), &[]);
        let clients = (0..clients)
            .map(|_| {
                let (over, asked, answers) = (Arc::clone(&over), Arc::clone(&asked), Arc::clone(&answers));
                let (remote, request) = (nginx.remote.clone(), request.clone());
                thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let (bytes, broken) = read_all(&remote.send(&request));
                        let answer = if bytes.is_empty() {
                            format!("nothing, {broken:?}")
                        } else {
                            let response = Response::of(&bytes, broken);
                            let whole = if response.complete { "" } else { ", broken off" };
                            format!("{}{whole}", response.status)
                        };
                        *answers.lock().unwrap().entry(answer).or_default() += 1;
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Load { over, asked, answers, clients }
    }

    /// Waits until so many requests more are answered.
    #[track_caller]
    pub(crate) fn goes_on(&self, more: usize) {
        let until = self.asked.load(Ordering::Relaxed) + more;
        eventually("answers", || self.asked.load(Ordering::Relaxed) >= until);
    }

    /// Ends it: how many answers there were of each kind.
    pub(crate) fn end(mut self) -> BTreeMap<String, usize> {
        self.over.store(true, Ordering::Relaxed);
        self.clients.drain(..).for_each(|client| client.join().unwrap());
        std::mem::take(&mut *self.answers.lock().unwrap())
    }

    /// Ends it, and sees that every request was answered well.
    #[track_caller]
    pub(crate) fn assert_all_well(self) {
        let answers = self.end();
        println!("{answers:?}");
        assert!(answers.keys().eq(["200"]), "{answers:?}");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
