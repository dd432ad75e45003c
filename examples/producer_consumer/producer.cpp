#include "producer.hpp"

#include "../stop_signals.hpp"
#include "job.hpp"
#include "one_line.hpp"
#include "walk.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/queue.hpp>

#include <cerrno>
#include <optional>
#include <span>

#include <unistd.h>

namespace producer_consumer {

namespace {

// The file that is held for --kill-one, if there are so many.
constexpr std::uint64_t marked_sequence = 63;

// One lock and one wake-up for so many jobs, unless consumers are about to run out of them.
constexpr std::size_t batch_jobs = 32;

// So many jobs are kept back at most while it is open which file is the last one.
constexpr std::size_t unmarked_jobs_max = 1024;

/// Turns what the walk meets into numbered jobs.
class job_writer : public walk_visitor {
 public:
  job_writer(hawser::shm::queue<job>& jobs, resume_point resume, bool mark_one)
      : jobs_(jobs), resume_(resume), mark_one_(mark_one) {}

  bool file(const std::string& path) override {
    if (path.size() > path_bytes_max) return add(path, ENAMETOOLONG);
    return add(path, 0);
  }
  bool failed(const std::string& path, int error) override { return add(path, error); }

  /// Queues what is left.
  bool finish() {
    mark_last_file();
    return flush();
  }

  /// Whether it has gone the way of the walk before, to where that ended.
  bool resumed() const { return sequence_ >= resume_.jobs && !changed_; }
  std::uint64_t jobs() const { return sequence_; }

 private:
  bool add(const std::string& path, int error) {
    const std::uint64_t sequence = sequence_++;
    chain_ = chain(chain_, path);
    if (sequence < resume_.jobs) {
      changed_ = sequence + 1 == resume_.jobs && chain_ != resume_.chain;
      return !changed_;
    }
    batch_.push_back({sequence, chain_, error, false, path.substr(0, path_bytes_max)});
    if (error == 0) last_file_ = batch_.size() - 1;
    if (sequence >= marked_sequence || batch_.size() >= unmarked_jobs_max) mark_last_file();
    return (batch_.size() < batch_jobs && jobs_.size() >= batch_jobs / 2) || flush();
  }

  // Until one is marked, the last file so far stays here, and what comes after it.
  bool flush() {
    const std::size_t ready = mark_one_ && last_file_ ? *last_file_ : batch_.size();
    if (jobs_.push_batch(std::span{batch_}.first(ready)) != ready) return false;
    batch_.erase(batch_.begin(), batch_.begin() + static_cast<std::ptrdiff_t>(ready));
    last_file_ = mark_one_ && last_file_ ? std::optional<std::size_t>{0} : std::nullopt;
    return true;
  }

  void mark_last_file() {
    if (!mark_one_ || !last_file_) return;
    batch_[*last_file_].hold = true;
    mark_one_ = false;
  }

  hawser::shm::queue<job>& jobs_;
  resume_point resume_;
  bool mark_one_;
  bool changed_ = false;
  std::uint64_t sequence_ = 0;
  std::uint64_t chain_ = chain_start;
  std::vector<job> batch_;
  std::optional<std::size_t> last_file_;  ///< where in the batch
};

}  // namespace

int producer(std::string jobs_name, std::string reports_name, std::vector<std::string> paths,
             std::uint64_t resume_jobs, std::uint64_t resume_chain, bool mark_one) {
  examples::leave_stopping_to_the_parent();
  hawser::shm::queue<job> jobs{hawser::open_only, jobs_name};
  hawser::shm::queue<report> reports{hawser::open_only, reports_name};
  job_writer writer{jobs, {resume_jobs, resume_chain}, mark_one};
  bool all = true;
  for (const std::string& path : paths) all = all && walk(path, writer);
  report last{report::kind::walk_ended, ::getpid(), writer.jobs(), {}, {}};
  if (!writer.resumed()) {
    last.what = report::kind::walk_failed;
    last.path = "the producer was killed, and the files have changed since; run it again";
  } else if (!all || !writer.finish()) {
    return 0;  // the queue was closed: the job was given up
  }
  const bool told = reports.push(last) == hawser::shm::push_status::ok;
  jobs.close();
  return told ? 0 : 1;
}

HAWSER_PROCESS(producer);

}  // namespace producer_consumer
