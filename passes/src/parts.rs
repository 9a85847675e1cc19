//! Finds counted loops whose turns fall into parts that never meet, such as the rows of a recurrent layer's batch.

use craneflow_ir::loops::{Program, Step, parts};

/// Notes the parts of every `repeat`.
pub fn parts(mut program: Program) -> Program {
    let mut steps = std::mem::take(&mut program.steps);
    note(&program, &mut steps);
    program.steps = steps;
    program
}

fn note(program: &Program, steps: &mut [Step]) {
    for step in steps {
        match step {
            Step::Repeat {
                parts, views, body, ..
            } => {
                *parts = parts::most(program, views, body);
                note(program, body);
            }
            Step::While { cond, body, .. } => {
                note(program, cond);
                note(program, body);
            }
            Step::Case { branches, .. } => branches.iter_mut().for_each(|b| note(program, b)),
            Step::Launch { .. } | Step::Copy { .. } | Step::Interpret { .. } => {}
        }
    }
}
