//! Measuring the text before anything recursive touches it, and BigQuery's options.
//!
//! A parser that tries one reading, gives up and tries the next takes exponential time on deeply nested
//! brackets; a tree as deep as the text is long overflows the stack when it is dropped. Both are closed here:
//! tokens are counted, brackets are counted, and tokens that no question needs are refused, so that the exotic
//! corners of the grammar cannot be reached at all.

use crate::engine::sqlparser::{
    dialect::GenericDialect,
    tokenizer::{Token, TokenWithSpan, Tokenizer, Word},
};

use crate::policy::Decimal;

use super::{QueryError, words};

/// The longest question in bytes.
const BYTES: usize = 64 << 10;
/// The most words, numbers, strings and signs.
const TOKENS: usize = 4096;
/// The deepest nesting: brackets and CASE … END together.
const DEPTH: usize = 12;

/// A question as tokens, with the differential-privacy clause taken out.
pub(super) struct Tokens {
    /// What is left, with positions.
    pub tokens: Vec<TokenWithSpan>,
    /// Whether `WITH DIFFERENTIAL_PRIVACY` stood there.
    pub private: bool,
    /// What `OPTIONS` set.
    pub options: Options,
}

/// What `OPTIONS` can set.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// ε in millionths.
    pub epsilon: Option<u64>,
    /// δ in units of 10⁻¹⁵.
    pub delta: Option<u64>,
}

/// Cuts a question into tokens.
pub(super) fn lex(sql: &str) -> Result<Tokens, QueryError> {
    if sql.len() > BYTES {
        return Err(QueryError::TooLong { what: "bytes", limit: BYTES });
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().map_err(|error| {
        // The message may quote the text, and with it a literal; the place is enough.
        QueryError::Syntax {
            expected: "a word or a sign was expected, and a string or a name may not be closed".to_owned(),
            line: error.location.line,
            column: error.location.column,
        }
    })?;
    let tokens: Vec<_> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    if tokens.len() > TOKENS {
        return Err(QueryError::TooLong { what: "words and signs", limit: TOKENS });
    }
    measure(&tokens)?;
    cut_options(tokens)
}

/// What a question opens and has to close.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Bracket,
    Case,
}

/// Counts the nesting and refuses tokens that no question needs.
fn measure(tokens: &[TokenWithSpan]) -> Result<(), QueryError> {
    match tokens.first().map(|token| &token.token) {
        Some(Token::Word(word)) if keyword(word, "SELECT") => {}
        Some(Token::Word(word)) if keyword(word, "WITH") => {
            return Err(QueryError::unsupported("WITH (a named subquery)", "one SELECT over one join"));
        }
        Some(Token::LParen) => {
            return Err(QueryError::unsupported("a question in brackets", "SELECT … without them"));
        }
        // EXPLAIN EXPLAIN EXPLAIN … recurses in the parser without a limit.
        Some(Token::Word(_)) => {
            return Err(QueryError::unsupported(
                "a statement that is not a SELECT",
                "SELECT …: a question never changes anything",
            ));
        }
        _ => {
            return Err(QueryError::Syntax {
                expected: "a SELECT was expected".to_owned(),
                line: 1,
                column: 1,
            });
        }
    }
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => open.push(Open::Bracket),
            // A bracket closes the CASEs inside it, too; an END closes no bracket. Were they one count, a
            // column called END would hide how deep the brackets are.
            Token::RParen => {
                if let Some(bracket) = open.iter().rposition(|open| *open == Open::Bracket) {
                    open.truncate(bracket);
                }
            }
            Token::Word(word) if word.quote_style.is_none() && !after_period(tokens, at) => {
                if keyword(word, "CASE") {
                    open.push(Open::Case);
                } else if keyword(word, "END") && open.last() == Some(&Open::Case) {
                    open.pop();
                }
                let bracket = tokens.get(at + 1).is_some_and(|next| next.token == Token::LParen);
                words::check(&word.value, at == 0, bracket)?;
            }
            Token::EOF
            | Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Comma
            | Token::Period
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::Gt
            | Token::LtEq
            | Token::GtEq
            | Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::StringConcat => {}
            // One at the end is a habit; more would be statements, each with a grammar of its own.
            Token::SemiColon if at + 1 == tokens.len() => {}
            Token::SemiColon => {
                return Err(QueryError::unsupported("several statements at once", "one SELECT at a time"));
            }
            Token::DoubleColon => {
                return Err(QueryError::can_fail("a cast (::)", "compare the column in its own type"));
            }
            _ => {
                return Err(QueryError::Syntax {
                    expected: "a sign stands here that no question needs".to_owned(),
                    line: token.span.start.line,
                    column: token.span.start.column,
                });
            }
        }
        if open.len() > DEPTH {
            return Err(QueryError::TooDeep { limit: DEPTH });
        }
    }
    Ok(())
}

fn after_period(tokens: &[TokenWithSpan], at: usize) -> bool {
    at > 0 && tokens[at - 1].token == Token::Period
}

fn keyword(word: &Word, keyword: &str) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword)
}

fn is_keyword(token: Option<&TokenWithSpan>, expected: &str) -> bool {
    matches!(token.map(|token| &token.token), Some(Token::Word(word)) if keyword(word, expected))
}

/// Takes `WITH DIFFERENTIAL_PRIVACY [OPTIONS (epsilon = …)]` out from behind the first SELECT.
///
/// It is BigQuery's clause, which the parser does not know. It is found among tokens, not in the text, so a
/// string or a comment that spells it is left alone.
fn cut_options(tokens: Vec<TokenWithSpan>) -> Result<Tokens, QueryError> {
    let found = is_keyword(tokens.first(), "SELECT")
        && is_keyword(tokens.get(1), "WITH")
        && is_keyword(tokens.get(2), "DIFFERENTIAL_PRIVACY");
    if !found {
        return Ok(Tokens { tokens, private: false, options: Options::default() });
    }
    let (mut end, mut set) = (3, Options::default());
    if is_keyword(tokens.get(3), "OPTIONS") {
        let close = tokens
            .iter()
            .position(|token| token.token == Token::RParen)
            .filter(|_| tokens.get(4).is_some_and(|token| token.token == Token::LParen))
            .ok_or(QueryError::Epsilon)?;
        set = options(&tokens[5..close])?;
        end = close + 1;
    }
    let mut tokens = tokens;
    tokens.drain(1..end);
    Ok(Tokens { tokens, private: true, options: set })
}

/// Reads `epsilon = 0.5, delta = 1e-7`; everything else is the contract's to set.
fn options(tokens: &[TokenWithSpan]) -> Result<Options, QueryError> {
    let mut set = Options::default();
    for option in tokens.split(|token| token.token == Token::Comma) {
        match option {
            [] => {}
            [name, equals, value] if equals.token == Token::Eq && is_keyword(Some(name), "epsilon") => {
                let micro = decimal(value).and_then(Decimal::micro);
                let micro =
                    micro.filter(|micro| (1..=100_000_000).contains(micro)).ok_or(QueryError::Epsilon)?;
                if set.epsilon.replace(micro).is_some() {
                    return Err(QueryError::Epsilon);
                }
            }
            [name, equals, value] if equals.token == Token::Eq && is_keyword(Some(name), "delta") => {
                let femto = decimal(value).filter(|delta| *delta < Decimal::ONE).and_then(Decimal::femto);
                let femto = femto.filter(|femto| *femto > 0).ok_or(QueryError::Delta)?;
                if set.delta.replace(femto).is_some() {
                    return Err(QueryError::Delta);
                }
            }
            // `epsilon = -1`, `epsilon = inf`: what is meant is clear, and what is wrong with it.
            [name, equals, ..] if equals.token == Token::Eq && is_keyword(Some(name), "epsilon") => {
                return Err(QueryError::Epsilon);
            }
            [name, equals, ..] if equals.token == Token::Eq && is_keyword(Some(name), "delta") => {
                return Err(QueryError::Delta);
            }
            _ => {
                return Err(QueryError::unsupported(
                    "an option other than epsilon and delta",
                    "leave it out: the contract sets the privacy unit and the contribution bounds",
                ));
            }
        }
    }
    Ok(set)
}

fn decimal(token: &TokenWithSpan) -> Option<Decimal> {
    let Token::Number(digits, false) = &token.token else { return None };
    digits.parse().ok()
}
