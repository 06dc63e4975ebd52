//! The tools of every command besides the cluster.

use crate::cancel::Cancel;
use crate::console::Console;
use crate::recorder::Recorder;

/// The tools of a command besides the cluster.
pub struct Tools<'a> {
    /// Where it tells.
    pub console: &'a mut Console,
    /// What was seen goes here as well.
    pub recorder: &'a mut Recorder,
    /// When to stop.
    pub cancel: &'a Cancel,
}
