//! Rung 4: the whole crate against the embedded cluster, in virtual time.

#[cfg(test)]
mod access;
mod many;
#[cfg(test)]
mod preflight;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod support;
#[cfg(test)]
mod watch;
