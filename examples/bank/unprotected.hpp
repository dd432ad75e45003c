/// The broken version: a balance that everybody may write, and nobody protects.
#pragma once

#include <string>

namespace bank {

/// So many threads in each of so many processes pay 1 each into one shared balance: they read it, take
/// `deposit_time` to think, and write what they have read and 1.
///
/// Returns    What is in it at the end.
long pay_unprotected(unsigned depositors, unsigned processes);

}  // namespace bank
