//! Children and their parent: real introducers below `anteroom serve`, and shells in their place.

mod by_hand;
mod first_run;
mod process;
mod serve;
mod shells;
