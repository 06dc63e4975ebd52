//! What every command works with besides the cluster.

use crate::cancel::Cancel;
use crate::console::Console;
use crate::recorder::Recorder;

/// What a command works with besides the cluster.
pub struct Tools<'a> {
    /// Where it tells.
    pub console: &'a mut Console,
    /// What was seen goes here as well.
    pub recorder: &'a mut Recorder,
    /// When to stop.
    pub cancel: &'a Cancel,
}
