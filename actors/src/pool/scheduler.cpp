#include "scheduler.hpp"

#include "chunk_code.hpp"
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <utility>

namespace hawser::actors::detail {
namespace {

/// What a worker is given at a time, and has before it, is about so much work.
constexpr double busy_ns = 1e6;
constexpr std::size_t chunk_max = 8192, given_max = 64;
/// Half of the ring that it goes through: so the next message finds room beside it.
constexpr std::size_t chunk_bytes_max = 128 * 1024;
/// More in one message would be copied.
constexpr std::size_t references_max = 16;

std::exception_ptr thrown_by(const job& work, std::size_t index, byte_source from) {
  std::uint32_t length = 0;
  std::string type = "an exception", message;
  if (take(from, length) && from.size >= length) {
    type.assign(from.data, length);
    from.skip(length);
    message.assign(from.data, from.size);
  }
  return std::make_exception_ptr(
      task_error{std::move(type), std::move(message), work.function.name, index});
}

}  // namespace

void scheduler::submit(const std::shared_ptr<job>& work) {
  outcomes failures;
  {
    const std::scoped_lock hold{mutex_};
    if (closed_)
      throw make_error(errc::not_supported, "submit task", work->function.name,
                       abandoned_ ? why_abandoned_ : "the pool is closed; submit before close()");
    unended_ += work->tasks;
    if (work->tasks != 0) jobs_.push_back(work);
    feed_idle(failures);
  }
  tell(failures, {});
}

bool scheduler::cancel(const std::shared_ptr<job>& work) {
  outcomes cancelled;
  {
    const std::scoped_lock hold{mutex_};
    const auto found = std::find(jobs_.begin(), jobs_.end(), work);
    if (found == jobs_.end()) return false;
    jobs_.erase(found);
    fail_rest(work, "it was cancelled", cancelled);
    work->cancelled = true;
  }
  tell(cancelled, {});
  return true;
}

/// All that is not given out.
void scheduler::fail_rest(const std::shared_ptr<job>& work, const std::string& why,
                          outcomes& failures) {
  const auto fail = [&](std::size_t index) {
    failures.add(work, index,
                 std::make_exception_ptr(task_cancelled{why, work->function.name, index}));
  };
  for (const std::size_t index : std::exchange(work->again, {})) fail(index);
  for (const auto& group : std::exchange(work->suspects, {}))
    for (const std::size_t index : group) fail(index);
  while (work->next < work->tasks) fail(work->next++);
}

void scheduler::worker_is_up(std::uint64_t id, pid_t pid, std::shared_ptr<worker_link> link) {
  outcomes failures;
  {
    const std::scoped_lock hold{mutex_};
    worker& one = workers_[id];
    one.pid = pid;
    one.link = std::move(link);
    if (abandoned_) one.link->kill();
    else feed(one, failures);
  }
  tell(failures, {});
}

/// Whether it has so much of what it may have before it.
bool scheduler::has_enough(const worker& one, double of) const {
  if (one.given.empty()) return false;
  if (static_cast<double>(one.given.size()) >= of * given_max) return true;
  double ahead_ns = 0;
  std::size_t ahead_bytes = 0;
  for (const chunk& c : one.given) {
    if (c.alone || c.work->task_ns == 0) return true;  // nobody knows for how long
    ahead_bytes += c.bytes;
    ahead_ns += static_cast<double>(c.tasks.size() - c.ended) * c.work->task_ns;
  }
  return ahead_ns >= of * busy_ns || static_cast<double>(ahead_bytes) >= of * 2 * chunk_bytes_max;
}

std::size_t scheduler::chunk_size(const job& work) const {
  if (work.options.chunk != 0) return work.options.chunk;
  const std::size_t left = work.tasks - work.next + work.again.size();
  // Towards the end smaller ones: so all workers end at the same time.
  const std::size_t share = std::max<std::size_t>(1, left / (2 * settings_.workers));
  const double fitting = work.task_ns == 0 ? 1 : std::max(1.0, busy_ns / work.task_ns);
  return std::min({share, static_cast<std::size_t>(fitting), work.chunk_now, chunk_max});
}

/// Takes tasks out of the first job that has some for this worker.
bool scheduler::take_chunk(const worker& one, chunk& out) {
  for (auto found = jobs_.begin(); found != jobs_.end(); ++found) {
    job& work = **found;
    const bool alone = goes_alone(work) || (work.next == work.tasks && work.again.empty());
    if (alone && !one.given.empty()) continue;
    out.work = *found;
    out.alone = alone;
    if (!work.suspects.empty() && one.given.empty()) {
      out.alone = true;
      out.tasks = std::move(work.suspects.front());
      work.suspects.pop_front();
    } else {
      std::size_t count = alone ? 1 : chunk_size(work);
      if (settings_.tasks_of_worker_max != 0)
        count = std::min(count, settings_.tasks_of_worker_max - one.tasks);
      out.tasks.reserve(count);
      while (out.tasks.size() < count && !work.again.empty()) {
        out.tasks.push_back(work.again.front());
        work.again.pop_front();
      }
      while (out.tasks.size() < count && work.next < work.tasks) out.tasks.push_back(work.next++);
    }
    if (out.tasks.empty()) continue;
    if (!work.has_more()) jobs_.erase(found);
    return true;
  }
  return false;
}

/// False: nothing of it is left. What is too much goes back.
bool scheduler::encode(chunk& c, byte_buffer& out, references& with, outcomes& failures) const {
  std::vector<std::size_t> encoded;
  job& work = *c.work;
  std::size_t used = 0;
  encoded.reserve(c.tasks.size());
  const std::size_t begin = out.size();
  begin_chunk(out, work.function.name, 0);
  const std::size_t first = out.size();
  const auto kept_before = static_cast<std::ptrdiff_t>(with.kept.size());
  const writing_references puts{with};
  for (; used < c.tasks.size() && (used == 0 || (out.size() - first < chunk_bytes_max &&
                                                 with.bytes.size() < references_max));
       ++used) {
    const std::size_t before = out.size(), bytes_before = with.bytes.size();
    try {
      put(out, std::uint32_t{0});
      const std::size_t at = out.size();
      work.encode(c.tasks[used], out);
      put_at(out, before, static_cast<std::uint32_t>(out.size() - at));
      encoded.push_back(c.tasks[used]);
    } catch (...) {
      out.resize(before);
      with.bytes.resize(bytes_before);
      failures.add(c.work, c.tasks[used], std::current_exception());
    }
  }
  for (std::size_t i = c.tasks.size(); i > used; --i) work.again.push_front(c.tasks[i - 1]);
  c.tasks = std::move(encoded);
  if (c.tasks.empty()) return out.resize(begin), false;
  put_at(out, first - sizeof(std::uint32_t), static_cast<std::uint32_t>(c.tasks.size()));
  c.kept.assign(with.kept.begin() + kept_before, with.kept.end());
  c.bytes = out.size() - first;
  return true;
}

void scheduler::put_back(const std::shared_ptr<job>& work) {
  if (work->has_more() && std::find(jobs_.begin(), jobs_.end(), work) == jobs_.end())
    jobs_.push_front(work);
}

/// Fills up what it has before it, in one message, when half of it is done.
void scheduler::feed(worker& one, outcomes& failures) {
  byte_buffer message;
  references with;
  if (may_have_more(one) && !has_enough(one, 0.5)) {
    ++one.messages;
    while (!one.retiring && !has_enough(one, 1) && message.size() < chunk_bytes_max &&
           with.bytes.size() < references_max) {
      chunk next;
      if (!take_chunk(one, next)) break;
      const std::shared_ptr<job> work = next.work;
      const bool some = encode(next, message, with, failures);
      put_back(work);
      if (!some) continue;
      next.message = one.messages;
      one.tasks += next.tasks.size();
      work->chunk_now = std::min(2 * work->chunk_now, chunk_max);
      ++counts_.chunks;
      one.given.push_back(std::move(next));
      one.retiring =
          settings_.tasks_of_worker_max != 0 && one.tasks >= settings_.tasks_of_worker_max;
    }
  }
  if (!message.empty()) {
    if (one.given.front().message == one.messages) one.given.front().begun = clock::now();
    one.link->give(std::move(message), std::move(with));
  }
  if (one.retiring && one.given.empty() && one.link != nullptr) one.link->stop();
}

void scheduler::feed_idle(outcomes& failures) {
  for (auto& [id, one] : workers_) {
    if (jobs_.empty()) return;
    feed(one, failures);
  }
}

void scheduler::results(std::uint64_t id, const worker_report& report) {
  outcomes all;
  {
    const std::scoped_lock hold{mutex_};
    const auto found = workers_.find(id);
    if (found == workers_.end()) return;
    worker& one = found->second;
    byte_source from{report.results.data(), report.results.size()};
    std::size_t count = 0;
    if (!one.given.empty()) all.all.reserve(one.given.front().tasks.size());
    job* of = nullptr;
    result_kind kind{};
    std::uint32_t length = 0;
    while (!one.given.empty() && take(from, kind) && take(from, length) && from.size >= length) {
      chunk& front = one.given.front();
      const std::size_t index = front.tasks[front.ended];
      const byte_source result{from.data, length};
      const bool thrown = kind == result_kind::thrown;
      all.add(front.work, index, thrown ? thrown_by(*front.work, index, result) : nullptr, result);
      ++(thrown ? counts_.failed : counts_.done);
      from.skip(length);
      of = front.work.get();
      ++count;
      if (++front.ended == front.tasks.size()) one.given.pop_front();
    }
    if (count != 0 && !one.given.empty() && one.given.front().ended == 0)
      one.given.front().begun = clock::now();
    if (count != 0) {
      const double now = static_cast<double>(report.busy_ns) / static_cast<double>(count);
      of->task_ns = of->task_ns == 0 ? std::max(1.0, now) : (3 * of->task_ns + now) / 4;
    }
    feed(one, all);
  }
  tell(all, report.with);
}

void scheduler::worker_is_down(std::uint64_t id, const exit_status& how) {
  outcomes failures;
  {
    const std::scoped_lock hold{mutex_};
    const auto found = workers_.find(id);
    if (found == workers_.end()) return;
    worker gone = std::move(found->second);
    workers_.erase(found);
    if (!gone.given.empty()) ++counts_.workers_died;
    lose(gone, how, failures);
    feed_idle(failures);
  }
  tell(failures, {});
}

void scheduler::lose(worker& of, const exit_status& how, outcomes& failures) {
  if (of.given.empty()) return;
  // It had begun with what is left of one message, and told of all before.
  const std::uint64_t message = of.given.front().message;
  std::size_t in_doubt = 0;
  for (const chunk& c : of.given)
    if (c.message == message) in_doubt += c.tasks.size() - c.ended;
  for (chunk& c : of.given) {
    job& work = *c.work;
    const std::vector<std::size_t> left(c.tasks.begin() + static_cast<std::ptrdiff_t>(c.ended),
                                        c.tasks.end());
    const auto fail = [&](std::size_t index, auto error) {
      failures.add(c.work, index, std::make_exception_ptr(std::move(error)));
    };
    if (abandoned_) {
      for (const std::size_t index : left)
        fail(index, task_cancelled{why_abandoned_, work.function.name, index});
    } else if (work.cancelled) {
      for (const std::size_t index : left)
        fail(index, task_cancelled{"it was cancelled", work.function.name, index});
    } else if (c.message != message) {
      work.again.insert(work.again.begin(), left.begin(), left.end());
    } else if (c.timed_out) {
      for (const std::size_t index : left) fail(index, task_timeout{work.function.name, index});
      counts_.lost += left.size();
    } else if (in_doubt == 1) {
      // This one it was.
      const unsigned attempts = ++work.deaths[left[0]];
      if (attempts > retries_of(work)) {
        fail(left[0], worker_lost{of.pid, how, attempts, work.function.name, left[0]});
        ++counts_.lost;
      } else {
        work.suspects.push_back(left);
        ++counts_.retried;
      }
    } else if (left.size() == 1) {
      work.suspects.push_back(left);
      ++counts_.retried;
    } else {
      const auto half = left.begin() + static_cast<std::ptrdiff_t>(left.size() / 2);
      work.suspects.emplace_back(left.begin(), half);
      work.suspects.emplace_back(half, left.end());
      counts_.retried += left.size();
    }
    put_back(c.work);
  }
}

bool scheduler::look_at_clock() {
  const std::scoped_lock hold{mutex_};
  const auto now = clock::now();
  bool limits = false;
  for (auto& [id, one] : workers_) {
    if (one.given.empty()) continue;
    chunk& front = one.given.front();
    if (front.work->options.timeout.count() <= 0) continue;
    limits = true;
    if (front.timed_out || now - front.begun < front.work->options.timeout) continue;
    front.timed_out = true;
    one.link->kill();
  }
  return limits;
}

void scheduler::close() {
  const std::scoped_lock hold{mutex_};
  closed_ = true;
}

void scheduler::wait_idle() {
  std::unique_lock hold{mutex_};
  idle_.wait(hold, [&] { return unended_ == 0; });
}

void scheduler::abandon(const std::string& why) {
  outcomes cancelled;
  {
    const std::scoped_lock hold{mutex_};
    closed_ = abandoned_ = true;
    why_abandoned_ = why;
    for (const auto& work : std::exchange(jobs_, {})) fail_rest(work, why, cancelled);
    for (auto& [id, one] : workers_)
      if (one.link) one.link->kill();
  }
  tell(cancelled, {});
}

bool scheduler::is_closed() const {
  const std::scoped_lock hold{mutex_};
  return closed_;
}

void scheduler::tell(const outcomes& told, const references& with) {
  if (told.all.empty()) return;
  const reading_references finds{with};
  for (auto one = told.all.begin(); one != told.all.end();) {
    job& work = *one->work;
    std::size_t count = 0;
    for (; one != told.all.end() && one->work == &work; ++one, ++count) {
      if (one->failed) {
        work.fail(one->index, one->failed);
        continue;
      }
      try {
        work.decode(one->index, one->result);
      } catch (...) {
        work.fail(one->index, std::current_exception());
      }
    }
    work.ended(count);
  }
  const std::scoped_lock hold{mutex_};
  unended_ -= told.all.size();
  if (unended_ == 0) idle_.notify_all();
}

scheduler_counts scheduler::counts() const {
  const std::scoped_lock hold{mutex_};
  scheduler_counts now = counts_;
  now.workers = workers_.size();
  for (const auto& [id, one] : workers_) {
    now.idle_workers += one.given.empty();
    for (const chunk& c : one.given) now.running += c.tasks.size() - c.ended;
  }
  now.waiting = unended_ >= now.running ? unended_ - now.running : 0;
  return now;
}

}  // namespace hawser::actors::detail
