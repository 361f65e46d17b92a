//! What a book refuses.

use crate::log::{Amount, Kind};

/// A question that the budget does not cover. Nothing was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BudgetFault {
    /// The account's budget for its whole life.
    #[error("the budget for these customers is used up for this question")]
    Lifetime {
        /// What is left of it.
        left: Amount,
        /// What the question costs.
        price: Amount,
    },
    /// The account's budget for the current period.
    #[error("this period's budget for these customers is used up for this question")]
    Period {
        /// What is left of it.
        left: Amount,
        /// What the question costs.
        price: Amount,
        /// When the next period may begin, Unix seconds.
        next: u64,
    },
    /// The owner's budget over all who ask (B11: partners that put their answers together).
    #[error("the owner's budget over all partners is used up for this question")]
    Ceiling {
        /// What is left of it.
        left: Amount,
        /// What the question costs.
        price: Amount,
    },
    /// A noisy answer has a price; one without would never run out.
    #[error("a question that is charged costs something")]
    Free,
    /// Limits of one contract are the same in all its records: a budget never grows by editing.
    #[error("this contract had other limits in an earlier record")]
    LimitsDiffer,
    /// The contract's first period has not begun.
    #[error("the first period has not begun")]
    NotBegun {
        /// When it begins, Unix seconds.
        starts: u64,
    },
    /// A period has no length, or ends after all time.
    #[error("a period has no length that can be counted")]
    PeriodLength,
    /// A sum does not fit its column.
    #[error("a sum of the budget is too large to be counted")]
    TooLarge,
}

/// A record that cannot follow the ones before: whoever wrote it broke the rule it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// Positions count up by one.
    #[error("record {expected} is missing: record {found} stands in its place")]
    OutOfOrder {
        /// Which should come.
        expected: u64,
        /// Which came.
        found: u64,
    },
    /// The time is not RFC 3339 in UTC.
    #[error("the time is not one")]
    TimeUnreadable,
    /// The time is before that of the record before.
    #[error("the time is before that of the record before")]
    TimeWentBack,
    /// A part of the body that counts is missing or malformed.
    #[error("the body of this {} record does not read", .0.name())]
    BodyUnreadable(Kind),
    /// A record of this kind belongs to a question, and this one names none.
    #[error("this {} record names no question", .0.name())]
    NoQuestion(Kind),
    /// A charge or a refresh belongs to a contract, and this record names none.
    #[error("this {} record names no contract", .0.name())]
    NoContract(Kind),
    /// The question's id was reserved before.
    #[error("this question was reserved before, in record {before}")]
    QuestionReserved {
        /// Where.
        before: u64,
    },
    /// The reservation is not open: it never was, it is over, or it is another question's.
    #[error("record {reserve} is no open reservation of this question")]
    NotOpen {
        /// The record that was named.
        reserve: u64,
    },
    /// The reservation was marked as spent before.
    #[error("the reservation was spent before")]
    SpentBefore,
    /// An answer without a spend: something left before it counted as spent.
    #[error("an answer whose reservation was not spent")]
    NotSpent,
    /// A refund after the first data-dependent byte.
    #[error("a refund after the release point")]
    RefundedAfterSpend,
    /// A free answer repeats nothing: the record that it names is not an answer under this contract.
    #[error("record {answer} is no answer that this question repeats")]
    RepeatsNothing {
        /// The record that was named.
        answer: u64,
    },
    /// What is taken up again is no reservation under this contract that was paid for and came to nothing, or it was
    /// taken up too often.
    #[error("record {reserve} is no reservation that this question takes up again")]
    ResumesNothing {
        /// The record that was named.
        reserve: u64,
    },
    /// The budget does not cover what was booked.
    #[error("the budget does not cover it")]
    Budget(#[source] BudgetFault),
    /// The balances in the record are not those of the book.
    #[error("the balances in the record are not those of the records before")]
    BalancesDiffer,
    /// A period begins that is over, or has begun.
    #[error("period {index} does not come after period {current}")]
    PeriodBackwards {
        /// The period that the record opens.
        index: u64,
        /// The period that is open.
        current: u64,
    },
    /// A period begins before its time by our clock or by the partner's.
    #[error("the period begins before its time")]
    PeriodEarly,
}
