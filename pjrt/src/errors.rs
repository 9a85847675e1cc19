//! Errors as C asks about them.

use crate::abi::{ErrorDestroy, ErrorForEachPayload, ErrorGetCode, ErrorMessage, Text};
use crate::error::Failure;

pub fn destroy(args: &mut ErrorDestroy) -> Result<(), Failure> {
    drop(args.error.take());
    Ok(())
}

pub fn message(args: &mut ErrorMessage) -> Result<(), Failure> {
    args.message = Text::of(args.error.get("error")?.message());
    Ok(())
}

pub fn code(args: &mut ErrorGetCode) -> Result<(), Failure> {
    args.code = args.error.get("error")?.code();
    Ok(())
}

/// Errors carry nothing but a number and a message. This must succeed: it is called for every error.
pub fn payloads(_: &mut ErrorForEachPayload) -> Result<(), Failure> {
    Ok(())
}
