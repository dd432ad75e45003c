/// A worker of a pipeline at one message, in one situation: for the kill-point sweep. The survivor is
/// another worker of the same stage, and who counts what comes out.
#pragma once

#include <hawser/shm/array.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <killpoint/scenario.hpp>
#include <pipeline/stage_loop.hpp>

namespace hawser::test {

struct pipeline_case {
  enum ending { value, thrown, lost };

  std::string name;
  ending how = value;  ///< what the message becomes
};

std::vector<pipeline_case> pipeline_cases();

class pipeline_scenario final : public killpoint::scenario {
 public:
  pipeline_scenario(pipeline_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "pipeline." + case_.name; }
  int outcomes() const override { return 3; }
  std::string outcome_words(int outcome) const override;
  /// Its queue is closed.
  bool spends_object() const override { return true; }

  void arrange(int object) override;
  void enter(int object) override;
  void operate() override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override { own_.reset(); }
  std::string leftovers() override;

 private:
  /// One process's view.
  struct view {
    view(const std::string& name, bool creates);
    std::optional<actors::detail::message_queue> given, next, results;
    std::optional<shm::array<std::uint64_t>> slots;

    std::span<std::uint64_t> slot(std::size_t worker) const;
    void work(const pipeline_case& it, std::size_t worker);
  };

  /// How often it has come out. Nothing: something else has, too.
  std::optional<int> count() const;

  pipeline_case case_;
  std::string unique_;
  std::unique_ptr<view> own_, victims_;
};

}  // namespace hawser::test
