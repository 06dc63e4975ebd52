//! The embedded cluster as its users see it: through a `kube::Client`, in paused time.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod daemon_sets;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod proxied;
#[cfg(test)]
mod rollbacks;
#[cfg(test)]
mod rollouts;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod stateful_sets;
#[cfg(test)]
mod support;
#[cfg(test)]
mod watches;
