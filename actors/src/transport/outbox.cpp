#include "outbox.hpp"

#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/detail/pipe_core.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace hawser::actors::detail {
namespace {

/// Puts what was to be lent into the frame, in front of the sizes.
void carry_along(frame_buffer& frame, std::vector<shm::payload>& loans) {
  frame_header header{};
  std::memcpy(&header, frame.data(), sizeof header);
  header.flags &= static_cast<std::uint8_t>(~frame_header::lent);
  std::memcpy(frame.data(), &header, sizeof header);
  std::size_t at = frame.size() - loans.size() * sizeof(loan_size);
  const frame_buffer sizes(frame.begin() + static_cast<std::ptrdiff_t>(at), frame.end());
  std::size_t bytes = frame.size();
  for (const auto& one : loans) bytes += one.size();
  frame.resize(bytes);
  for (auto& one : std::exchange(loans, {})) {
    if (one.size() != 0) std::memcpy(frame.data() + at, one.bytes().data(), one.size());
    at += one.size();
  }
  std::copy(sizes.begin(), sizes.end(), frame.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

outbox::outbox(const transport_options& options, std::function<void()> on_backlog)
    : mark_(options.backlog_bytes), policy_(options.backlog), on_backlog_(std::move(on_backlog)) {}

void outbox::connect(shm::detail::pipe_core& pipe, shm::detail::door_core& door,
                     const frame_buffer& first) {
  const std::scoped_lock hold{mutex_};
  if (closed_) return;
  pipe_ = &pipe;
  door_ = &door;
  part_bytes_ = shm::detail::part_bytes(pipe.ring_bytes());
  stage(first.data(), first.size());  // the ring is empty
  commit();
  move_some();
}

void outbox::close() {
  const std::scoped_lock hold{mutex_};
  closed_ = true;
  pipe_ = nullptr;
  door_ = nullptr;
  loan_pipe_ = nullptr;
  dropped_ += backlog_.size();
  backlog_.clear();
  unread_frames_.clear();
  first_unread_.store(0, std::memory_order_relaxed);
  queued_.store(0, std::memory_order_relaxed);
  unread_.store(0, std::memory_order_relaxed);
  tell_of_room();
}

void outbox::when_room(std::function<void()> callback) {
  const std::scoped_lock hold{mutex_};
  wait_for_room_.push_back(std::move(callback));
  tell_of_room();
}

void outbox::tell_of_room() {
  if (waiters_ != 0 && (closed_ || waiting() < mark_)) room_.notify_all();
  if (wait_for_room_.empty() || (!closed_ && waiting() >= (mark_ + 1) / 2)) return;
  for (const auto& callback : std::exchange(wait_for_room_, {})) callback();
}

outbox::result outbox::send(std::span<const char> frame, urgency how, luggage&& with) {
  bool first = false;
  {
    std::unique_lock hold{mutex_};
    if (how < urgency::protocol && waiting() >= mark_) {
      if (pipe_ != nullptr) {
        forget_what_is_read();
        move_some();
      }
      const std::size_t limit = policy_ == backlog_policy::wait ? 2 * mark_ : mark_;
      if (how == urgency::may_wait && policy_ == backlog_policy::wait ? !wait_below_mark(hold)
                                                                      : waiting() >= limit)
        return ++refused_, closed_ ? result::closed : result::congested;
    }
    if (closed_) return result::closed;
    const bool overtakes = how == urgency::ahead;
    if (with.empty() && pipe_ != nullptr && (overtakes || backlog_.empty() || !move_some()) &&
        stage(frame.data(), frame.size())) {
      ++sent_;
      commit();
      return result::taken;
    }
    first = backlog_.empty();
    // Not between the parts of one that has begun.
    const auto place = !overtakes
                           ? backlog_.end()
                           : backlog_.begin() + (first || backlog_.front().done == 0 ? 0 : 1);
    const auto waits = backlog_.insert(place, {{frame.begin(), frame.end()}, std::move(with)});
    queued_.fetch_add(waits->left(), std::memory_order_relaxed);
    if (first && pipe_ != nullptr) first = move_some();  // one that goes in parts begins to
    first = first || wants_loans();
  }
  if (first) on_backlog_();
  return result::taken;
}

void outbox::flush() {
  const std::scoped_lock hold{mutex_};
  if (pipe_ == nullptr) return;
  forget_what_is_read();
  if (owes_room_.load(std::memory_order_relaxed) && stage_room()) commit();
  move_some();  // tells of room, too
}

bool outbox::can_flush() const {
  const std::uint64_t unread = first_unread_.load(std::memory_order_relaxed);
  const bool some_is_read = unread != 0 && pipe_->read_by_peer() >= unread;
  if (some_is_read) return true;
  if (owes_room_.load(std::memory_order_relaxed) && pipe_->has_room()) return true;
  if (!has_backlog()) return false;
  const hurdle now = hurdle_.load(std::memory_order_relaxed);
  return now == hurdle::no_loans || (now == hurdle::ring && pipe_->has_room());
}

void outbox::await_loans() {
  const std::scoped_lock hold{mutex_};
  if (loans_ == loan_state::none) loans_ = loan_state::asked;
  hurdle_.store(hurdle::answer, std::memory_order_relaxed);
}

void outbox::use_loans(loan_pipe* pipe) {
  const std::scoped_lock hold{mutex_};
  if (closed_) return;
  loan_pipe_ = pipe;
  loans_ = pipe != nullptr ? loan_state::open : loan_state::refused;
  if (pipe_ != nullptr) move_some();
}

/// True: something still waits.
bool outbox::move_some() {
  bool staged = false;
  while (!backlog_.empty()) {
    waiting_frame& one = backlog_.front();
    const std::size_t before = one.left();
    const std::uint64_t records = staged_;
    const bool all = move(one);
    queued_.fetch_sub(before - (all ? 0 : one.left()), std::memory_order_relaxed);
    staged = staged || staged_ != records;
    if (!all) break;
    ++sent_;
    backlog_.pop_front();
  }
  if (staged) commit();
  tell_of_room();
  return !backlog_.empty();
}

/// False: it has to wait, for the hurdle.
bool outbox::move(waiting_frame& one) {
  if (!one.with.loans.empty() && !lend(one)) return false;
  hurdle_.store(hurdle::ring, std::memory_order_relaxed);
  const std::size_t bytes = one.bytes.size();
  if ((one.done != 0 || !stage(one.bytes.data(), bytes)) &&
      (bytes <= part_bytes_ || !stage_parts(one.bytes.data(), bytes, one.done)))
    return false;
  if (one.with.loan_bytes == 0 && one.with.kept.empty()) return true;
  unread_frames_.push_back({staged_, one.with.loan_bytes, std::move(one.with.kept)});
  unread_.fetch_add(one.with.loan_bytes, std::memory_order_relaxed);
  first_unread_.store(unread_frames_.front().end, std::memory_order_relaxed);
  // Its receiver says when it has read it.
  if (!stage_room()) owes_room_.store(true, std::memory_order_relaxed);
  return true;
}

/// False: it has to wait, for the hurdle.
bool outbox::lend(waiting_frame& one) {
  auto& loans = one.with.loans;
  switch (loans_) {
    case loan_state::none: return wait_for(hurdle::no_loans);
    case loan_state::asked: return wait_for(hurdle::answer);
    case loan_state::refused:
      carry_along(one.bytes, loans);
      one.with.loan_bytes = 0;
      return true;
    case loan_state::open: break;
  }
  while (!loans.empty()) {
    // A gap: of one that cannot be sent any more the receiver has nothing.
    const auto status = loan_pipe_->try_send({lent_}, std::move(loans.front()));
    if (status == shm::push_status::full) return wait_for(hurdle::loan_room);
    ++lent_;
    loans.erase(loans.begin());
  }
  return true;
}

void outbox::forget_what_is_read() {
  const std::uint64_t read = pipe_->read_by_peer();
  while (!unread_frames_.empty() && unread_frames_.front().end <= read) {
    unread_.fetch_sub(unread_frames_.front().loan_bytes, std::memory_order_relaxed);
    unread_frames_.pop_front();
  }
  first_unread_.store(unread_frames_.empty() ? 0 : unread_frames_.front().end,
                      std::memory_order_relaxed);
}

bool outbox::stage(const char* data, std::size_t bytes) {
  if (!stage_one(data, bytes)) return false;
  since_room_ += bytes;
  // By the time that the ring is full, some of these are in it, whoever fills it.
  if (since_room_ >= part_bytes_) stage_room();
  return true;
}

bool outbox::stage_room() {
  const frame_header room{.kind = frame_kind::room};
  if (!stage_one(reinterpret_cast<const char*>(&room), sizeof room)) return false;
  since_room_ = 0;
  owes_room_.store(false, std::memory_order_relaxed);
  return true;
}

bool outbox::stage_one(const char* data, std::size_t bytes) {
  if (!pipe_->stage(reinterpret_cast<const std::byte*>(data), bytes)) return false;
  ++staged_;
  return true;
}

bool outbox::stage_parts(const char* data, std::size_t bytes, std::size_t& done) {
  const std::size_t room = part_bytes_ - sizeof(frame_header);
  while (done != bytes) {
    const std::size_t some = std::min(room, bytes - done);
    part_.clear();
    append(part_, frame_header{.kind = frame_kind::part, .mid = bytes});
    part_.insert(part_.end(), data + done, data + done + some);
    if (!stage(part_.data(), part_.size())) return false;
    done += some;
  }
  return true;
}

void outbox::commit() {
  pipe_->commit();
  door_->ring();
}

bool outbox::wait_below_mark(std::unique_lock<std::mutex>& hold) {
  ++waiters_;
  room_.wait(hold, [&] { return closed_ || waiting() < mark_; });
  --waiters_;
  return !closed_;
}

outbox::counts outbox::counters() const {
  const std::scoped_lock hold{mutex_};
  return {sent_, refused_, dropped_, lent_, waiting()};
}

}  // namespace hawser::actors::detail
