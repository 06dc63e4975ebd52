//! Loopback ports for processes that want to be told theirs.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Below the range that the kernel hands to outgoing connections (32768 and up), so that a port
/// that is reserved now and bound later is still free then.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Hands out ports that no one listens on, each once.
#[derive(Debug)]
pub(super) struct Ports {
    next: AtomicU16,
}

impl Ports {
    /// Runs that start at the same moment begin to look at different places, given by `seed`.
    pub(super) fn from(seed: u32) -> Self {
        // The remainder is smaller than `COUNT`.
        let offset = u16::try_from(seed % u32::from(COUNT)).unwrap_or_default();
        Self {
            next: AtomicU16::new(offset),
        }
    }

    /// A port that is free now and that this allocator has not handed out yet.
    ///
    /// # Errors
    /// When there is none left.
    pub(super) fn reserve(&self) -> Result<u16> {
        for _ in 0..COUNT {
            let port = FIRST + self.next.fetch_add(1, Ordering::Relaxed) % COUNT;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        bail!("failed to find a free port on loopback from {FIRST} on")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_handed_out_once() {
        let ports = Ports::from(7);
        assert_ne!(ports.reserve().unwrap(), ports.reserve().unwrap());
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let first = Ports::from(5_000).reserve().unwrap();
        let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        assert_ne!(Ports::from(5_000).reserve().unwrap(), first);
    }
}
