/// What values refer to whose bytes are written before they are put into a message.
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/actors/shared_bytes.hpp>

#include <memory>
#include <vector>

namespace hawser::actors::detail {

struct references {
  std::vector<shared_bytes> bytes;
  std::vector<std::shared_ptr<const void>> kept;  // until who gets the message has read it

  friend caf::error inspect(value_sink& to, references& x);
  friend caf::error inspect(value_source& from, references& x);
  HAWSER_INSPECT_BY_HAND(references);
};

/// While it lives, values that this thread writes put what they refer to there, ...
class writing_references {
 public:
  explicit writing_references(references& into) noexcept;
  writing_references(const writing_references&) = delete;
  ~writing_references();

 private:
  references* before_;
};

/// ... and values that it reads find it there.
class reading_references {
 public:
  explicit reading_references(const references& from) noexcept;
  reading_references(const reading_references&) = delete;
  ~reading_references();

 private:
  const std::vector<shared_bytes>* before_;
};

}  // namespace hawser::actors::detail
