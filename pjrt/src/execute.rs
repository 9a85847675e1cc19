//! `Execute`: what a call gives away, what it gets, and where it runs.

use crate::abi::Execute;
use crate::boundary::{Ptr, put};
use crate::buffer::Buffer;
use crate::compiled::Given;
use crate::error::Failure;
use crate::event::{Event, Signal};
use crate::executable::Loaded;
use crate::storage::Slot;
use crate::worker;
use std::sync::Arc;

pub fn execute(args: &mut Execute) -> Result<(), Failure> {
    let executable = args.executable.get("loaded executable")?;
    executable.alive()?;
    if args.num_devices != 1 {
        return Err(Failure::Invalid(format!(
            "a call on {} devices; there is one",
            args.num_devices
        )));
    }
    let arguments = args.arguments.list(1)[0].list(args.num_args);
    let kept = args
        .options
        .find()
        .map_or(&[][..], |o| o.kept.list(o.num_kept));
    let given = give(executable, arguments, kept)?;
    let (slots, done) = run(executable, given)?;
    let outputs = args.outputs.list(1)[0];
    for (i, slot) in slots.into_iter().enumerate() {
        let ty = executable.compiled.outputs[i].clone();
        let buffer = Buffer::new(executable.shared.clone(), ty, slot);
        put(outputs.wrapping_add(i), Ptr::give(buffer));
    }
    if !args.complete.is_null() {
        put(args.complete, Event::give(done));
    }
    Ok(())
}

/// The arguments of a call, those that the program may reuse taken out of their buffers. On an error no
/// buffer has lost anything.
fn give(
    executable: &Loaded,
    arguments: &[Ptr<Buffer>],
    kept: &[i64],
) -> Result<Vec<Given>, Failure> {
    let parameters = &executable.compiled.inputs;
    if arguments.len() != parameters.len() {
        return Err(Failure::Arguments {
            expected: parameters.len(),
            found: arguments.len(),
        });
    }
    let mut donated = vec![];
    for (i, (argument, parameter)) in arguments.iter().zip(parameters).enumerate() {
        let buffer = argument.get("argument")?;
        if buffer.ty != parameter.ty && *buffer.ty != *parameter.ty {
            return Err(Failure::Argument {
                index: i,
                expected: parameter.ty.to_string(),
                found: buffer.ty.to_string(),
            });
        }
        if parameter.donated && !kept.contains(&(i as i64)) {
            donated.push(i);
        }
    }
    once(arguments, &donated)?;
    let mut given = vec![];
    for argument in arguments {
        given.push(Given::Shared(argument.get("argument")?.slot()?));
    }
    for i in donated {
        // Another thread may have been faster: then what was taken before stays taken.
        given[i] = Given::Donated(arguments[i].get("argument")?.donate()?);
    }
    Ok(given)
}

/// Whether no buffer that is given away is used a second time.
fn once(arguments: &[Ptr<Buffer>], donated: &[usize]) -> Result<(), Failure> {
    if donated.is_empty() {
        return Ok(());
    }
    let at = |i: usize| arguments[i].as_ptr();
    let mut order: Vec<usize> = (0..arguments.len()).collect();
    order.sort_by_key(|&i| (at(i).addr(), i));
    for pair in order.windows(2).filter(|p| at(p[0]) == at(p[1])) {
        let (first, second) = (pair[0], pair[1]);
        match [first, second].map(|i| donated.binary_search(&i).is_ok()) {
            [false, false] => {}
            [true, true] => return Err(Failure::DonatedTwice { first, second }),
            _ => return Err(Failure::DonatedAndUsed { first, second }),
        }
    }
    Ok(())
}

/// Runs or dispatches a call; the places of its results, and the signal that they are there.
fn run(executable: &Loaded, given: Vec<Given>) -> Result<(Vec<Arc<Slot>>, Arc<Signal>), Failure> {
    let compiled = &executable.compiled;
    let signals = || given.iter().map(|g| &g.slot().signal);
    let inside = worker::inside();
    if inside {
        signals().try_for_each(|s| s.wait())?;
    }
    if inside || (compiled.is_quick() && signals().all(|s| s.is_done())) {
        let results = compiled.run(given)?;
        let slots = results.into_iter().map(|s| Arc::new(Slot::ready(s)));
        return Ok((slots.collect(), Signal::ready()));
    }
    let done = Signal::pending();
    let slots: Vec<Arc<Slot>> = (compiled.outputs.iter())
        .map(|_| Arc::new(Slot::pending(done.clone())))
        .collect();
    let (compiled, places, signal) = (compiled.clone(), slots.clone(), done.clone());
    executable.shared.worker.dispatch(Box::new(move || {
        let outcome = compiled.run(given).map(|results| {
            for (place, storage) in places.iter().zip(results) {
                place.fill(storage);
            }
        });
        drop(places);
        signal.set(outcome);
    }));
    Ok((slots, done))
}
