//! C04: nothing has a length that the data decide; and the plan knows them all.

use super::*;
