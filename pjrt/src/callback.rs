//! Functions of Python that programs call: a number in the program, one function of Python that answers
//! for all numbers, and which numbers no program has any more.

use crate::boundary::{AnswerFn, answer};
use crate::element;
use craneflow_import::stablehlo::ElementType;
use craneflow_import::stablehlo::callback::{Call, FUNCTION, infer};
use craneflow_ir::host::{HostFunction, register};
use craneflow_ir::{Array, DType};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, Once, PoisonError, RwLock};

/// Bytes that an error of Python may have.
const MESSAGE: usize = 1 << 14;

static ANSWER: RwLock<Option<AnswerFn>> = RwLock::new(None);
static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    used: BTreeMap::new(),
    released: vec![],
});

struct Numbers {
    /// How many programs call each number.
    used: BTreeMap<u64, usize>,
    /// Those that no program calls any more and that Python has not asked for yet.
    released: Vec<u64>,
}

fn numbers() -> MutexGuard<'static, Numbers> {
    NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a function of Python raised, on its way to the end of the run: not a panic, no hook hears of it.
pub struct Raised(pub String);

/// Sets the function that answers, and makes calls of it known to programs.
pub fn connect(f: Option<AnswerFn>) {
    static ONCE: Once = Once::new();
    *ANSWER.write().unwrap_or_else(PoisonError::into_inner) = f;
    ONCE.call_once(|| register(FUNCTION, HostFunction { infer, eval }));
}

/// The next number that Python may forget; 0 when there is none.
pub fn released() -> u64 {
    numbers().released.pop().unwrap_or(0)
}

/// The numbers that a program calls, for as long as it lives.
pub struct Held(Vec<u64>);

impl Held {
    /// These numbers, each as often as it is called.
    pub fn new(list: Vec<u64>) -> Held {
        let mut numbers = numbers();
        for &n in &list {
            *numbers.used.entry(n).or_default() += 1;
        }
        Held(list)
    }

    /// Whether the program calls Python.
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut numbers = numbers();
        for n in &self.0 {
            if let Some(count) = numbers.used.get_mut(n) {
                *count -= 1;
                if *count == 0 {
                    numbers.used.remove(n);
                    numbers.released.push(*n);
                }
            }
        }
    }
}

/// The results of a call, or the end of the run that made it.
fn eval(config: &str, x: &[Array]) -> Vec<Array> {
    call(config, x).unwrap_or_else(|message| resume_unwind(Box::new(Raised(message))))
}

fn call(config: &str, x: &[Array]) -> Result<Vec<Array>, String> {
    let call = Call::parse(config)?;
    let f = *ANSWER.read().unwrap_or_else(PoisonError::into_inner);
    let f = f.ok_or("no Python answers")?;
    let (happened, operands) = x.split_at(usize::from(call.ordered));
    let operands: Vec<&[u8]> = operands.iter().map(Array::bytes).collect();
    let mut results: Vec<Vec<u8>> = (call.results.iter())
        .map(|ty| vec![0; ty.bytes()])
        .collect();
    answer(f, call.number, &operands, &mut results, MESSAGE)?;
    let arrays = call.results.iter().zip(results).map(|(ty, mut bytes)| {
        if ty.dtype == DType::Bool {
            element::normalise(ElementType::Bool, &mut bytes);
        }
        Array::from_bytes(ty.clone(), bytes).ok_or("a result of another size")
    });
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    Ok(happened.iter().cloned().chain(arrays).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_released_with_their_last_program() {
        let (a, b) = (u64::MAX, u64::MAX - 1);
        let first = Held::new(vec![a, b, a]);
        let second = Held::new(vec![a]);
        drop(first);
        assert_eq!((released(), released()), (b, 0));
        drop(second);
        assert_eq!((released(), released()), (a, 0));
    }

    #[test]
    fn without_python_a_call_ends_its_run() {
        connect(None);
        let payload = std::panic::catch_unwind(|| eval("1", &[])).expect_err("an end");
        assert_eq!(
            payload.downcast::<Raised>().expect("ours").0,
            "no Python answers"
        );
    }
}
