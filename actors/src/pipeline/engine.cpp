#include "engine.hpp"

#include <hawser/actors/task_error.hpp>
#include <hawser/shm/error.hpp>

#include <csignal>
#include <utility>

namespace hawser::actors::detail {

bool pipeline_run::engine::has_all() const { return closed_ && window_->taken() == pushed_; }

void pipeline_run::engine::make_sure_it_runs() const {
  if (terminated_)
    throw make_error(errc::not_supported, "use pipeline", plan_.options.name,
                     "it was terminated; start another one");
  if (!broken_.empty()) throw make_error(errc::system, "use pipeline", plan_.options.name, broken_);
}

std::optional<std::uint64_t> pipeline_run::engine::push(byte_buffer& message,
                                                        const pipeline_deadline& until) {
  message_queue& first = *queues_.front();
  if (message.size() > first.message_bytes_max())
    throw make_error(errc::too_large, "push into pipeline", plan_.options.name,
                     "the input has " + std::to_string(message.size() - message_head) +
                         " bytes, and message_bytes_max of stage \"" + plan_.stages.front().name +
                         "\" is " + std::to_string(first.message_bytes_max() - message_head) +
                         "; raise that, or hand in a path or a shared_array");
  const bool waits = !until || *until > clock::now();
  std::unique_lock turn{push_turn_, std::defer_lock};
  if (!until) turn.lock();
  else if (!turn.try_lock() && (!waits || !turn.try_lock_until(*until))) return std::nullopt;
  std::uint64_t number = 0;
  {
    std::unique_lock hold{mutex_};
    const auto goes_on = [&] {
      return terminated_ || closed_ || !broken_.empty() || window_->has_room(pushed_);
    };
    if (!until) room_.wait(hold, goes_on);
    else if (!goes_on() && (!waits || !room_.wait_until(hold, *until, goes_on)))
      return std::nullopt;
    make_sure_it_runs();
    if (closed_)
      throw make_error(errc::not_supported, "push into pipeline", plan_.options.name,
                       "it is closed; push before");
    number = pushed_++;  // before its outcome can come
  }
  set_number(message, number);
  const auto status = !until  ? first.push(message)
                      : waits ? first.push_until(message, *until)
                              : first.try_push(message);
  if (status == shm::push_status::ok) return number;
  const std::scoped_lock hold{mutex_};
  --pushed_;
  make_sure_it_runs();
  return std::nullopt;
}

std::optional<std::uint64_t> pipeline_run::engine::try_push(byte_buffer& message) {
  return push(message, clock::now());
}

std::optional<raw_outcome> pipeline_run::engine::pop(const pipeline_deadline& until,
                                                     bool or_progress) {
  std::unique_lock turn{pop_turn_, std::defer_lock};
  if (!until) turn.lock();
  else if (!turn.try_lock() && !turn.try_lock_until(*until)) return std::nullopt;
  for (;;) {
    bool over = false;
    if (auto next = take_next(over)) return next;
    if (over || !receive(until)) return std::nullopt;
    if (!or_progress) continue;
    return take_next(over);
  }
}

/// The next one, if it has come; or whether there are no more.
std::optional<raw_outcome> pipeline_run::engine::take_next(bool& over) {
  std::optional<byte_buffer> next;
  {
    const std::scoped_lock hold{mutex_};
    next = window_->take();
    if (next) {
      room_.notify_all();
    } else {
      over = has_all();
      if (!over) make_sure_it_runs();
    }
    if (has_all()) close_queues();  // the workers may go, and who else waits here
  }
  if (!next) return std::nullopt;
  raw_outcome one = decoded(*next);
  const std::scoped_lock hold{mutex_};
  dead_ += one.failed != nullptr;
  deaths_.erase(deaths_.begin(), deaths_.lower_bound(first_kept_death()));
  return one;
}

/// Waits for a message, and takes what has come. False: none in time.
bool pipeline_run::engine::receive(const pipeline_deadline& until) {
  message_queue& results = *queues_.back();
  constexpr std::size_t most = 64;
  auto come = results.try_lease_batch(most);
  if (come.empty()) {
    if (!until) come = results.lease_batch(most);
    else if (const auto now = clock::now(); *until > now)
      come = results.lease_batch_for(most, *until - now);
  }
  if (come.empty()) return results.closed();
  const std::scoped_lock hold{mutex_};
  for (auto& one : come) {
    byte_buffer bytes;
    bytes.assign((*one).begin(), (*one).end());
    const std::uint64_t number = read_message(bytes.data(), bytes.size()).number;
    window_->put(number, std::move(bytes));  // or it has come before
    one.ack();
  }
  return true;
}

raw_outcome pipeline_run::engine::decoded(const byte_buffer& bytes) {
  const message_reader message = read_message(bytes.data(), bytes.size());
  raw_outcome one;
  one.index = message.number;
  if (message.kind == message_kind::value) {
    one.value.assign(message.rest.data, message.rest.data + message.rest.size);
    return one;
  }
  const dead_letter dead = read_dead_letter(message);
  const stage_plan& stage = plan_.stages.at(dead.stage);
  one.stage = stage.name;
  one.given = stage.given;
  one.value.assign(dead.letter.data, dead.letter.data + dead.letter.size);
  const auto index = static_cast<std::size_t>(message.number);
  if (message.kind == message_kind::thrown) {
    one.failed = std::make_exception_ptr(
        task_error{dead.thrown.type, dead.thrown.message, stage.name, index});
    return one;
  }
  const death last = death_of(message.number, dead.attempts);
  if (stage.options.timeout.count() != 0 && last.status.signal() == SIGALRM)
    one.failed = std::make_exception_ptr(task_timeout{stage.name, index});
  else
    one.failed = std::make_exception_ptr(
        worker_lost{last.pid, last.status, dead.attempts, stage.name, index});
  return one;
}

bool pipeline_run::engine::is_over() const {
  const std::scoped_lock hold{mutex_};
  return has_all();
}

void pipeline_run::engine::close() {
  const std::scoped_lock turn{push_turn_};
  const std::scoped_lock hold{mutex_};
  closed_ = true;
  if (has_all()) close_queues();
}

void pipeline_run::engine::close_queues() {
  for (const auto& one : queues_) one->close();
}

/// Under mutex_.
void pipeline_run::engine::break_off(const std::string& why) {
  if (broken_.empty()) broken_ = why;
  close_queues();
  room_.notify_all();
}

void pipeline_run::engine::terminate() {
  const std::scoped_lock once{end_};
  {
    const std::scoped_lock hold{mutex_};
    terminated_ = terminated_ || !has_all();
    close_queues();
    room_.notify_all();
  }
  // Workers that have nothing to do are about to end: that is kinder than to kill them.
  constexpr std::chrono::milliseconds grace{500};
  if (tree_ && is_over()) tree_->wait_for(grace);
  stops_.store(true);
  if (tree_) tree_->stop();
  for (std::thread& one : threads_)
    if (one.joinable()) one.join();
  if (tree_) tree_->wait();
}

std::span<std::uint64_t> pipeline_run::engine::slot(std::size_t stage, std::size_t worker) const {
  return slots_->span().subspan((stages_[stage].slot + worker) * stage_slot::words,
                                stage_slot::words);
}

std::vector<pid_t> pipeline_run::engine::worker_pids(const std::string& stage) const {
  std::vector<pid_t> all;
  if (!tree_) return all;
  for (const child_info& one : tree_->children()) {
    const auto found = processes_.find(one.name);
    if (one.pid != 0 && found != processes_.end() &&
        (stage.empty() || plan_.stages[found->second.stage].name == stage))
      all.push_back(one.pid);
  }
  return all;
}

}  // namespace hawser::actors::detail
