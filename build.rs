//! Says in one line where this cannot be built, in place of the compiler's many.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if system != "linux" {
        eprintln!("tidegate is for Linux alone (epoll, accept4, sendfile); it cannot be built for {system}");
        std::process::exit(1);
    }
}
