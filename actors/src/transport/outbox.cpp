#include "outbox.hpp"

#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/detail/pipe_core.hpp>

#include <algorithm>
#include <utility>

namespace hawser::actors::detail {

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
  dropped_ += backlog_.size();
  backlog_.clear();
  waiting_.store(0, std::memory_order_relaxed);
  tell_of_room();
}

void outbox::when_room(std::function<void()> callback) {
  const std::scoped_lock hold{mutex_};
  wait_for_room_.push_back(std::move(callback));
  tell_of_room();
}

void outbox::tell_of_room() {
  if (waiters_ != 0 && (closed_ || waiting_ < mark_)) room_.notify_all();
  if (wait_for_room_.empty() || (!closed_ && waiting_ >= (mark_ + 1) / 2)) return;
  for (const auto& callback : std::exchange(wait_for_room_, {})) callback();
}

outbox::result outbox::send(const frame_buffer& frame, urgency how) {
  bool first = false;
  {
    std::unique_lock hold{mutex_};
    if (how != urgency::protocol && waiting_ >= mark_) {
      if (pipe_ != nullptr) move_some();
      const std::size_t limit = policy_ == backlog_policy::wait ? 2 * mark_ : mark_;
      if (how == urgency::may_wait && policy_ == backlog_policy::wait ? !wait_below_mark(hold)
                                                                      : waiting_ >= limit)
        return ++refused_, closed_ ? result::closed : result::congested;
    }
    if (closed_) return result::closed;
    if (pipe_ != nullptr && (backlog_.empty() || !move_some()) &&
        stage(frame.data(), frame.size())) {
      ++sent_;
      commit();
      return result::taken;
    }
    first = backlog_.empty();
    backlog_.push_back({frame});
    waiting_.fetch_add(frame.size(), std::memory_order_relaxed);
    if (first && pipe_ != nullptr) move_some();  // one that goes in parts begins to
  }
  if (first) on_backlog_();
  return result::taken;
}

void outbox::flush() {
  const std::scoped_lock hold{mutex_};
  if (pipe_ != nullptr && !backlog_.empty()) move_some();
}

bool outbox::can_flush() const { return has_backlog() && pipe_->has_room(); }

/// True: something still waits.
bool outbox::move_some() {
  bool staged = false;
  while (!backlog_.empty()) {
    waiting_frame& one = backlog_.front();
    const std::size_t before = one.done, bytes = one.bytes.size();
    if (before == 0 && stage(one.bytes.data(), bytes)) one.done = bytes;
    else if (bytes > part_bytes_) stage_parts(one.bytes.data(), bytes, one.done);
    staged = staged || one.done != before;
    waiting_.fetch_sub(one.done - before, std::memory_order_relaxed);
    if (one.done != bytes) break;
    ++sent_;
    backlog_.pop_front();
  }
  if (staged) commit();
  tell_of_room();
  return !backlog_.empty();
}

bool outbox::stage(const char* data, std::size_t bytes) {
  if (!stage_one(data, bytes)) return false;
  since_room_ += bytes;
  if (since_room_ < part_bytes_) return true;
  // By the time that the ring is full, some of these are in it, whoever fills it.
  const frame_header room{.kind = frame_kind::room};
  if (stage_one(reinterpret_cast<const char*>(&room), sizeof room)) since_room_ = 0;
  return true;
}

bool outbox::stage_one(const char* data, std::size_t bytes) {
  return pipe_->stage(reinterpret_cast<const std::byte*>(data), bytes);
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
  room_.wait(hold, [&] { return closed_ || waiting_ < mark_; });
  --waiters_;
  return !closed_;
}

outbox::counts outbox::counters() const {
  const std::scoped_lock hold{mutex_};
  return {sent_, refused_, dropped_, waiting_.load(std::memory_order_relaxed)};
}

}  // namespace hawser::actors::detail
