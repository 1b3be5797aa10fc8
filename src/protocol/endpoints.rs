//! Where a connection came from and in, for a protocol whose bytes do not say it.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use crate::application::variables::Variables;

/// The two ends of a connection, and which peers are believed.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// The client's address; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// The listener's address; `None` on a unix socket.
    pub local: Option<SocketAddr>,
    /// What the listener was told of its peers.
    pub trust: Arc<Trust>,
}

/// What a listener believes of what its peers say.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Peers whose Forwarded and X-Forwarded-* are believed. A unix socket's peers are of this machine, and
    /// believed where any are.
    pub proxies: Vec<IpNet>,
    /// Every connection begins with a PROXY protocol header, which names the client.
    pub proxy_protocol: bool,
}

impl Endpoints {
    /// Writes SERVER_NAME, SERVER_PORT, REMOTE_ADDR and REMOTE_PORT.
    pub(crate) fn write(&self, variables: &mut Variables) {
        match self.local {
            Some(local) => {
                variables.push_display(b"SERVER_NAME", local.ip().to_canonical());
                variables.push_display(b"SERVER_PORT", local.port());
            }
            None => {
                variables.push(b"SERVER_NAME", b"localhost");
                variables.push(b"SERVER_PORT", b"80");
            }
        }
        if let Some(peer) = self.peer {
            variables.push_display(b"REMOTE_ADDR", peer.ip().to_canonical());
            variables.push_display(b"REMOTE_PORT", peer.port());
        }
    }

    /// Whether what the peer says of others is believed.
    pub fn is_trusted(&self) -> bool {
        !self.trust.proxies.is_empty() && self.peer.is_none_or(|peer| self.trust.includes(peer.ip()))
    }
}

impl Trust {
    /// Whether `address` is a proxy that is believed.
    pub fn includes(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|network| network.contains(&address))
    }
}
