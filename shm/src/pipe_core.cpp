#include <hawser/shm/detail/pipe_io.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>

namespace hawser::shm::detail {
namespace {

/// What is kept for the next message in parts; more is given back.
constexpr std::size_t parts_kept = std::size_t{1} << 20;

}  // namespace

void refuse_size(const pipe_core& core, std::size_t bytes) {
  throw make_error(errc::too_large, "send to pipe", core.name(),
                   "the message has " + std::to_string(bytes) + " bytes, the pipe takes " +
                       std::to_string(core.message_bytes_max()) +
                       "; create it with a larger message_bytes_max");
}

void refuse_bytes(const pipe_core& core) {
  throw make_error(errc::damaged, "receive from pipe", core.name(),
                   "a message has another size than its type; do both programs have the same one?");
}

void refuse_ring(const std::string& name) {
  throw make_error(errc::damaged, "use pipe", name,
                   "another process wrote over its memory; close it and create another one");
}

void pipe_core::refuse_fork() const {
  throw make_error(errc::not_supported, "use pipe", name_,
                   "this end belongs to the process that opened it, and this one is its fork; "
                   "let the fork open the other end by its name");
}

push_status pipe_core::look_at_ends() {
  if (channel_.tag_if_attached() == 0) refuse_fork();
  if (closed() || out_->finished.load(std::memory_order_relaxed) != 0) return push_status::closed;
  const std::uint32_t peer = body_->ends[other_].load(std::memory_order_acquire);
  if (peer == end_gone) return push_status::closed;
  if (peer != peer_) {
    peer_ = peer;
    // Who only sends does not sleep, and is to hear of its peer's death nevertheless.
    channel_.watch();
    remove_name();
    if (body_->ends[other_].load(std::memory_order_relaxed) == end_gone) return push_status::closed;
  }
  return push_status::ok;
}

push_status pipe_core::no_room() {
  channel_.look_for_dead();
  return sendable() == push_status::ok ? push_status::full : push_status::closed;
}

push_status pipe_core::try_send_parts(const std::byte* data, std::size_t bytes) {
  // All of it or nothing: staged as a batch is.
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t n = std::min(part_bytes_, bytes - done);
    const bool last = done + n == bytes;
    if (!sender_.stage(data + done, n,
                       (done == 0 ? record_header::first : 0) | (last ? 0 : record_header::more))) {
      sender_.abandon();
      return no_room();
    }
    if (!last) sender_.uncount();
    done += n;
  }
  commit();
  return push_status::ok;
}

void pipe_core::let_room_gather() noexcept {
  const std::uint64_t enough = std::min<std::uint64_t>(ring_bytes_ / 4, 16384);
  let_gather([this, enough] { return sender_.free_bytes() >= enough; });
}

template <class Attempt>
push_status pipe_core::wait_for_room(const deadline& until, Attempt attempt) {
  for (;;) {
    let_room_gather();
    push_status status = attempt();
    if (status != push_status::full) return status;
    if (spin_for_room_.until([this] {
          return sender_.head_moved() ||
                 body_->ends[other_].load(std::memory_order_relaxed) != peer_;
        })) {
      if (until && clock::now() >= *until) return push_status::timed_out;
      continue;
    }
    const std::uint32_t key = out_->space.announce();  // E4
    status = attempt();
    if (status != push_status::full) return spin_for_room_.ended_too_early(), status;
    body_->to[other_].send_waits.fetch_add(1, std::memory_order_relaxed);
    if (!channel_.sleep(out_->space.word, key, until)) return push_status::timed_out;
  }
}

push_status pipe_core::send_slowly(const std::byte* data, std::size_t bytes,
                                   const deadline& until) {
  if (bytes <= part_bytes_) return wait_for_room(until, [&] { return try_send(data, bytes); });
  std::size_t done = 0;
  return wait_for_room(until, [&] {
    if (const push_status status = sendable(); status != push_status::ok) return status;
    while (done < bytes) {
      const std::size_t n = std::min(part_bytes_, bytes - done);
      const bool last = done + n == bytes;
      if (!sender_.stage(data + done, n,
                         (done == 0 ? record_header::first : 0) | (last ? 0 : record_header::more)))
        break;
      if (!last) sender_.uncount();
      done += n;
    }
    if (sender_.has_staged()) commit();
    return done == bytes ? push_status::ok : no_room();
  });
}

push_status pipe_core::try_send_some(const std::byte* data, std::size_t bytes, std::size_t& sent) {
  sent = 0;
  if (const push_status status = sendable(); status != push_status::ok) return status;
  const std::size_t n = sender_.room(std::min(part_bytes_, bytes));
  if (n == 0 || !sender_.stage(data, n, record_header::first)) return no_room();
  commit();
  sent = n;
  return push_status::ok;
}

push_status pipe_core::send_some(const std::byte* data, std::size_t bytes, const deadline& until,
                                 std::size_t& sent) {
  return wait_for_room(until, [&] { return try_send_some(data, bytes, sent); });
}

take_status pipe_core::not_ours() const {
  if (channel_.tag_if_attached() == 0) refuse_fork();
  return take_status::closed;
}

take_status pipe_core::nothing_there(pipe_message& out) {
  if (over()) {
    // E3: the sender is past its last commit; what is there now is all there will be.
    receiver_.look_closely();
    if (receiver_.may_have_record()) return try_peek(out);
    drop_parts();  // I4
    return take_status::closed;
  }
  // Of those who spin, not every look pays for the clock.
  if ((++vain_looks_ & 31U) == 0) channel_.look_for_dead();
  return take_status::empty;
}

take_status pipe_core::assemble(pipe_message& out) {
  // At most a ring of parts at a time: while more and more come, a deadline is looked at.
  for (std::uint64_t passed = 0; !assembled_;) {
    const record_header header = out.header;
    if (header.is_first()) drop_parts();  // what was begun before has no end
    else if (!assembling_) refuse_ring(name_);
    if (header.is_whole_message()) return take_status::ok;
    if (out.bytes > message_bytes_max_ - parts_.size()) refuse_ring(name_);
    parts_.insert(parts_.end(), out.data, out.data + out.bytes);
    assembling_ = true;
    assembled_ = !header.has_more();
    if (assembled_) break;  // its last record stays until the message is taken
    receiver_.pass(out.begin, out.end);
    publish(0);
    passed += out.end - out.begin;
    if (passed >= ring_bytes_) return take_status::empty;
    if (!receiver_.peek(out)) return nothing_there(out);
  }
  out.data = parts_.data();
  out.bytes = parts_.size();
  return take_status::ok;
}

void pipe_core::drop_parts() noexcept {
  assembling_ = assembled_ = false;
  parts_.clear();
  if (parts_.capacity() > parts_kept) parts_ = {};
}

take_status pipe_core::peek_slowly(pipe_message& out, const deadline& until) {
  for (;;) {
    if (spin_for_data_.until(
            [this] { return receiver_.may_have_record() || over() || closed(); })) {
      const take_status status = try_peek(out);
      if (status != take_status::empty) return status;
      if (until && clock::now() >= *until) return take_status::timed_out;
    }
    const std::uint32_t key = in_->data.announce();  // E4
    const take_status status = try_peek(out);
    if (status != take_status::empty) return spin_for_data_.ended_too_early(), status;
    body_->to[me_].receive_waits.fetch_add(1, std::memory_order_relaxed);
    if (!channel_.sleep(in_->data.word, key, until)) return take_status::timed_out;
  }
}

void pipe_core::close() noexcept {
  std::uint32_t mine = channel_.tag_if_attached();
  if (mine == 0) return;  // a fork's: the end is its parent's
  // Compare: it may be closed already. E3. Commits.
  body_->ends[me_].compare_exchange_strong(mine, end_gone, std::memory_order_release,
                                           std::memory_order_relaxed);
  HAWSER_MUTATE(close_wakes_nobody, wake_pipe(channel_), void());
}

void pipe_core::finish() noexcept {
  if (closed()) return;
  out_->finished.store(1, std::memory_order_release);  // E3. Commits.
  HAWSER_MUTATE(finish_wakes_nobody, wake_pipe(channel_), void());
}

bool pipe_core::peer_alive() noexcept {
  const std::uint32_t peer = body_->ends[other_].load(std::memory_order_acquire);
  if (peer == end_free || peer == end_gone) return false;
  if (!channel_.is_dead(peer)) return true;
  channel_.sweep(id_of(peer));
  return false;
}

bool pipe_core::wait_for_peer(const deadline& until) {
  if (channel_.tag_if_attached() == 0) refuse_fork();
  for (;;) {
    const std::uint32_t key = in_->data.announce();  // E4
    if (closed()) return false;
    if (body_->ends[other_].load(std::memory_order_acquire) != end_free) {
      remove_name();
      return true;
    }
    if (!channel_.sleep(in_->data.word, key, until)) return false;
  }
}

std::size_t pipe_core::waiting() const noexcept {
  const pipe_direction& in = body_->to[me_];
  const std::uint64_t tail = in.tail.load(std::memory_order_acquire);
  const std::uint64_t head = in.head.load(std::memory_order_acquire);
  return tail - head <= ring_bytes_ ? static_cast<std::size_t>(tail - head) : 0;
}

bool pipe_core::has_room() const noexcept {
  const pipe_direction& out = body_->to[other_];
  // The head may have gone beyond the tail that was read before it.
  const auto used = static_cast<std::int64_t>(out.tail.load(std::memory_order_relaxed) -
                                              out.head.load(std::memory_order_acquire));
  return used <= static_cast<std::int64_t>(ring_bytes_ / 2);
}

pipe_core::counts pipe_core::counters() const noexcept {
  const pipe_direction &in = body_->to[me_], &out = body_->to[other_];
  return {out.sent.load(std::memory_order_relaxed), in.received.load(std::memory_order_relaxed),
          out.send_waits.load(std::memory_order_relaxed) +
              in.receive_waits.load(std::memory_order_relaxed)};
}

std::uint64_t pipe_core::async_wait(ready what, std::function<void()> callback) {
  if (channel_.tag_if_attached() == 0) refuse_fork();
  if (what == ready::readable)
    return add_async_wait(
        {&channel_, data_bit(me_), [this] { in_->data.announce(event_count::armed); },
         [this] { return waiting() != 0 || over() || closed(); }, std::move(callback)});
  return add_async_wait(
      {&channel_, space_bit(other_), [this] { out_->space.announce(event_count::armed); },
       [this] {
         return has_room() || closed() ||
                out_->finished.load(std::memory_order_relaxed) != 0 ||
                body_->ends[other_].load(std::memory_order_acquire) == end_gone;
       },
       std::move(callback)});
}

}  // namespace hawser::shm::detail
