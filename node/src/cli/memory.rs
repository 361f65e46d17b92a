//! What this process has in its memory stays there.
//!
//! The attack it stops: a file that holds all of it. Keys, identifiers, exact figures and noise are in memory while
//! they are worked with; a crash would write them to a core dump, which is kept, collected and sent to whoever
//! mends programs (C07). And another process of the same account could read them as a debugger does.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Forbids core dumps, and debuggers of the same account. Called before anything secret is read.
pub(super) fn seal() {
    // Either is enough on most systems: a dump that is piped to a program passes the limit by, and the limit holds
    // for the programs that this one starts. Where the system forbids to forbid, there is nothing else to try.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
