//! How a command ends, as the shell sees it.

use std::process::ExitCode;

use crate::report::Class;

/// The exit status of every command; scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done.
    Done = 0,
    /// Something failed here.
    Failed = 1,
    /// The command line, the SQL or the configuration is wrong.
    Usage = 2,
    /// The contract, a role, consent or an approver says no.
    Policy = 3,
    /// The privacy budget does not cover it.
    Budget = 4,
    /// The partner's node cannot be reached or breaks the protocol.
    Peer = 5,
    /// Ctrl-C; shells say 128 + 2.
    Interrupted = 130,
    /// Asked to end; shells say 128 + 15.
    Terminated = 143,
}

impl From<Class> for ExitStatus {
    fn from(class: Class) -> Self {
        match class {
            Class::Failed => Self::Failed,
            Class::Usage => Self::Usage,
            Class::Policy => Self::Policy,
            Class::Budget => Self::Budget,
            Class::Peer => Self::Peer,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_the_number_that_the_interface_promises() {
        let numbers = [Class::Failed, Class::Usage, Class::Policy, Class::Budget, Class::Peer]
            .map(|class| (ExitStatus::from(class) as u8, class as u8));
        assert_eq!(numbers, [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
        assert_eq!(ExitStatus::Done as u8, 0);
    }
}
