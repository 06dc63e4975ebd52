//! The API server's front: which request means what.

mod call;
mod proxy;
mod read;
mod reply;
mod review;
mod service;
mod write;

pub use call::{Request, Verb};

pub(crate) use call::{Call, Path};
pub(crate) use reply::{BoxError, ResponseBody};
pub(crate) use service::Api;
