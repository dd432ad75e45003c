#include "tree_run.hpp"

#include <utility>

namespace hawser::actors::detail {
namespace {

class tree_run final : public child_run {
 public:
  tree_run(const supervisor_plan& plan, const tree_place& place)
      : core_(std::make_shared<supervisor_core>(plan, place)) {}

  void start(const std::stop_token& give_up, std::function<void()> ended) override {
    core_->start(give_up);
    core_->on_end(std::move(ended));
  }
  void ask_to_end() override { core_->stop(); }
  void kill() override { core_->stop(); }  // each of its children has a time limit of its own
  child_end end() override {
    // Nothing: it could not start.
    return core_->wait_until(supervisor_clock::time_point::min()).value_or(child_end{});
  }
  std::shared_ptr<supervisor_core> tree() const override { return core_; }

 private:
  std::shared_ptr<supervisor_core> core_;
};

}  // namespace

child_spec tree_child(std::string name, supervisor_plan plan, restart_when restart) {
  child_spec spec{std::move(name), child_info::kind::supervisor, restart, {}, {}, {}};
  spec.make = [plan = std::move(plan)](const tree_place& place) {
    return std::make_unique<tree_run>(plan, place);
  };
  return spec;
}

}  // namespace hawser::actors::detail
