//! Schedules in descriptions.

use super::Schedule;
use crate::describe::document::{Node, RecipeError};
use crate::describe::{Keys, Scope};

/// Schedules by name; the numbers are factors of the learning rate.
fn schedules() -> [(&'static str, Schedule); 7] {
    let (decay_steps, decay_rate, staircase) = (1000, 0.96, false);
    let exponential = Schedule::exponential(decay_steps, decay_rate);
    let inverse_time = Schedule::InverseTime {
        decay_steps,
        decay_rate,
        staircase,
    };
    let polynomial = Schedule::Polynomial {
        decay_steps,
        end: 0.1,
        power: 1.0,
        cycle: false,
    };
    let restarts = Schedule::CosineRestarts {
        first_decay_steps: decay_steps,
        t_mul: 2.0,
        m_mul: 1.0,
        alpha: 0.0,
    };
    let piecewise = Schedule::Piecewise {
        boundaries: vec![],
        factors: vec![],
    };
    [
        ("piecewise", piecewise),
        ("exponential", exponential),
        ("inverse_time", inverse_time),
        ("polynomial", polynomial),
        ("cosine", Schedule::cosine(decay_steps)),
        ("cosine_restarts", restarts),
        ("one_cycle", Schedule::one_cycle(decay_steps)),
    ]
}

/// The schedule of a table with `type` and its numbers.
pub(crate) fn schedule(node: &Node<'_>) -> Result<Schedule, RecipeError> {
    let s = node.section()?;
    s.must_have("type")?;
    let table = schedules();
    let found = s.with("type", |node| node.one_of(&table))?;
    let mut schedule = found.expect("it is there");
    let scope = Scope::default();
    let k = &mut Keys::Read(&s, &scope);
    match &mut schedule {
        Schedule::Piecewise {
            boundaries,
            factors,
        } => {
            k.need("boundaries", boundaries)?;
            k.need("factors", factors)?;
            if factors.len() != boundaries.len() + 1 {
                return Err(s.error("expected one factor more than boundaries"));
            }
        }
        Schedule::Exponential {
            decay_steps,
            decay_rate,
            staircase,
        }
        | Schedule::InverseTime {
            decay_steps,
            decay_rate,
            staircase,
        } => {
            k.need("decay_steps", decay_steps)?;
            k.need("decay_rate", decay_rate)?;
            k.key("staircase", staircase)?;
        }
        Schedule::Polynomial {
            decay_steps,
            end,
            power,
            cycle,
        } => {
            k.need("decay_steps", decay_steps)?;
            k.key("end", end)?;
            k.key("power", power)?;
            k.key("cycle", cycle)?;
        }
        Schedule::Cosine {
            decay_steps,
            alpha,
            warmup_steps,
            warmup_from,
        } => {
            k.need("decay_steps", decay_steps)?;
            k.key("alpha", alpha)?;
            k.key("warmup_steps", warmup_steps)?;
            k.key("warmup_from", warmup_from)?;
        }
        Schedule::CosineRestarts {
            first_decay_steps,
            t_mul,
            m_mul,
            alpha,
        } => {
            k.need("first_decay_steps", first_decay_steps)?;
            k.key("t_mul", t_mul)?;
            k.key("m_mul", m_mul)?;
            k.key("alpha", alpha)?;
        }
        Schedule::OneCycle {
            steps,
            up,
            start,
            end,
        } => {
            k.need("steps", steps)?;
            k.key("up", up)?;
            k.key("start", start)?;
            k.key("end", end)?;
        }
        Schedule::Custom(_) => {}
    }
    s.done()?;
    Ok(schedule)
}
