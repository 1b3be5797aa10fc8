//! What `make bench` measures with.
//!
//! Two commands stand on this library:
//!
//! - `floor` answers with a constant: what a request costs when there is nothing to do;
//! - `compare` starts the floor, tidegate and uWSGI in turn, loads each, and prints one table.
//!
//! One measured request: [`Protocol`](protocol::Protocol) writes its bytes once, [`load::run`] opens a
//! connection to an [`Address`](address::Address), sends them, waits until the server has closed,
//! has a [`Checker`](reply::Checker) look at the reply, and records the time. What the server
//! spent on it is read from outside: CPU and memory from [`procfs`], system calls through strace
//! and instructions through perf ([`attached`]).
//!
//! Load goes to this machine only, and every loop is bounded in count and time.

pub mod address;
pub mod attached;
pub mod cores;
pub mod grid;
pub mod idle;
pub mod load;
pub mod procfs;
pub mod protocol;
pub mod reply;
pub mod server;
pub mod statistics;
pub mod stream;
pub mod table;
pub mod upload;
