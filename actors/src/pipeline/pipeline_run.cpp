#include "engine.hpp"

#include <utility>

namespace hawser::actors::detail {

pipeline_run::pipeline_run(pipeline_plan plan)
    : engine_(std::make_unique<engine>(std::move(plan))) {}
pipeline_run::~pipeline_run() = default;

void pipeline_run::begin(byte_buffer& message) { begin_message(message, 0, message_kind::value); }
std::optional<std::uint64_t> pipeline_run::push(byte_buffer& message,
                                                const pipeline_deadline& until) {
  return engine_->push(message, until);
}
std::optional<std::uint64_t> pipeline_run::try_push(byte_buffer& message) {
  return engine_->try_push(message);
}
std::optional<raw_outcome> pipeline_run::pop(const pipeline_deadline& until) {
  return engine_->pop(until, false);
}
std::optional<raw_outcome> pipeline_run::pop_or_progress() {
  return engine_->pop(std::nullopt, true);
}
bool pipeline_run::is_over() const { return engine_->is_over(); }
void pipeline_run::close() { engine_->close(); }
void pipeline_run::terminate() { engine_->terminate(); }
pipeline_metrics pipeline_run::metrics() const { return engine_->metrics(); }
pipeline_metrics pipeline_run::recent_metrics() { return engine_->recent_metrics(); }
std::vector<pid_t> pipeline_run::worker_pids(const std::string& stage) const {
  return engine_->worker_pids(stage);
}

}  // namespace hawser::actors::detail
