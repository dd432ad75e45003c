#pragma once

#include <array>
#include <cstdint>
#include <functional>

namespace producer_consumer {

/// What a byte is to the count of words. `neither` leaves it open whether a word is being read:
/// it neither starts nor ends one.
enum class byte_class : std::uint8_t { space = 0, word = 1, neither = 2 };

/// Which bytes start a word. GNU wc in the C locale has more than one answer:
///
///   printable   only the bytes 0x21 to 0x7e do, control characters and bytes above 0x7e are
///               `neither` (coreutils 9.1, Debian 12)
///   non_blank   every byte does that is no white space, and the no-break space of Latin-1, 0xa0,
///               is one (coreutils 9.7, Debian 13)
///   non_space   the same, but 0xa0 starts a word, too (coreutils 9.7 with POSIXLY_CORRECT set)
///
/// In all of them tab, newline, vertical tab, form feed, carriage return and blank end a word.
enum class word_rule : std::uint8_t { printable, non_blank, non_space };

inline constexpr std::array word_rules{word_rule::non_blank, word_rule::non_space,
                                       word_rule::printable};

using byte_classes = std::array<byte_class, 256>;

/// The class of each byte under `rule`: all that the rules differ in.
const byte_classes& classes_of(word_rule rule);

/// The rule that this machine's `wc` follows, so that the totals are those it would print.
///
/// Returns    The newest, `non_blank`, if there is no `wc`, or one with a rule of its own.
/// Blocks     For the run of one `wc`, about a millisecond; until `give_up` says so if that does not
///            end. Then the rule is as if there were no `wc`.
word_rule machine_rule(const std::function<bool()>& give_up = {});

}  // namespace producer_consumer
