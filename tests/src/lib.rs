//! Fakes for what cannot be had, and what the tests of the whole product share.

pub mod cluster;
pub mod contract;
pub mod cost;
pub mod counting;
pub mod fakes;
pub mod faulty;
pub mod field;
pub mod front;
pub mod lagging;
pub mod language_service;
pub mod product;
pub mod said;
pub mod scenarios;
pub mod troubled;
