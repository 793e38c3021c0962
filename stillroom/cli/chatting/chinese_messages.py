"""Chinese for what the program says in English to whoever chats: errors, hints, tools and their results.

Each English form is that of the place where it is made; a test looks for it there. What is not listed is
shown in English.
"""

from __future__ import annotations

from typing import Final

from stillroom.cli.chatting.translation import Form

# What each of our own tools does, for ``/tools``.
TOOLS: Final = {
    "search_library": "在资料库中按含义和词语查找段落。",
    "ask_library": "根据资料库回答问题，引文经过核对。",
    "read_document": "逐页阅读资料库中的一个文档。",
    "read_around": "阅读某个段落前后的内容。",
    "list_sources": "列出资料库中的文档。",
    "plan_deployment": "哪些模型适合本机，其他模型为何不适合。",
    "vram_estimate": "估算模型所需的显存。",
    "engine_status": "正在运行的模型和引擎，以及占用的内存。",
    "calculate": "精确计算算式。",
    "current_time": "当前日期、星期和时间，也可查其他时区。",
    "read_result": "阅读过长结果的其余部分，或其中含有某些词的地方。",
    "list_files": "列出文件夹中的文件。",
    "read_file": "逐页阅读一个文件的文本。",
    "search_files": "在文本文件中查找含有某些词的行。",
    "fetch_page": "获取公开网页的文本。",
    "run_python": "运行模型写的 Python 程序。",
}

MESSAGES: Final = (
    # The engine and the model
    Form("the agent needs a model, and none is running", "智能体需要模型，但没有模型在运行"),
    Form("no model answers at {address}: {cause}", "{address} 没有模型应答：{cause}"),
    Form("{address} has no model {model}: {known}", "{address} 没有模型 {model}：{known}"),
    Form(
        "{model} at {address} broke off before its answer was complete: {cause}",
        "{address} 的 {model} 在回答完成前中断：{cause}",
    ),
    Form("{where} broke off before its answer was complete", "{where} 在回答完成前中断"),
    Form("{model} at {address} did not answer in time", "{address} 的 {model} 没有及时应答"),
    Form(
        "{address} answered with something that is no chat answer of {model}",
        "{address} 的应答不是 {model} 的对话回复",
    ),
    Form(
        "{address} takes no chat requests (HTTP 404: {words})",
        "{address} 不接受对话请求（HTTP 404：{words}）",
    ),
    Form(
        "{where} was asked for what it cannot do: {words}",
        "对 {where} 的请求超出了它的能力：{words}",
    ),
    Form(
        "{where} has no room for the request now (HTTP {status}: {words})",
        "{where} 现在没有空间处理请求（HTTP {status}：{words}）",
    ),
    Form("{where} refused the request, HTTP {status}: {words}", "{where} 拒绝了请求，HTTP {status}：{words}"),
    Form("{where} refused the request: {words}", "{where} 拒绝了请求：{words}"),
    Form(
        "{where}: the request is too long for the model's context: {words}",
        "{where}：请求超出了模型的上下文：{words}",
    ),
    Form(
        "the conversation needs about {needed} tokens, the model's context has {budget} for it",
        "对话约需 {needed} 个词元，模型的上下文只有 {budget} 个可用",
    ),
    Form(
        "{model} gave no valid action in {count} replies: {why}",
        "{model} 在 {count} 次回复中没有给出有效的动作：{why}",
    ),
    Form(
        "start that server, or unset STILLROOM_ENDPOINT_URL and start an engine here: stillroom up",
        "启动该服务器，或取消 STILLROOM_ENDPOINT_URL 并在本机启动引擎：stillroom up",
    ),
    Form("it wrote the same again and again", "它反复写出同样的内容"),
    Form("choose a larger model: stillroom plan", "换更大的模型：stillroom plan"),
    Form(
        "ask for fewer tokens, or choose a smaller model: stillroom plan",
        "减少词元，或换更小的模型：stillroom plan",
    ),
    Form(
        "ask with fewer tools or a shorter question, or start the engine with a larger context",
        "减少工具或缩短问题，或以更大的上下文启动引擎",
    ),
    # Conversations
    Form("such as --conversation {example}", "例如 --conversation {example}"),
    Form("there is no conversation {name}", "没有对话 {name}"),
    Form("the name of a conversation is empty", "对话的名称是空的"),
    Form(
        "the name has {count} characters; at most {most} are allowed",
        "名称有 {count} 个字符，最多允许 {most} 个",
    ),
    Form(
        "the name {name} begins with {character}; it needs a letter or a digit there",
        "名称 {name} 以 {character} 开头，开头必须是字母或数字",
    ),
    Form(
        "the name {name} has {character}; allowed are letters, digits, blanks and {marks}",
        "名称 {name} 含有 {character}；只允许字母、数字、空格和 {marks}",
    ),
    # Tools that did not run, or failed
    Form("{tool} was not run: the user said no. Do not call it again.", "{tool} 没有运行：用户没有同意。"),
    Form(
        "{tool} was not run: it needs a person's yes, and there is nobody to ask",
        "{tool} 没有运行：它需要人的同意，而这里没有人可问",
    ),
    Form("--allow {tool} allows it beforehand", "--allow {tool} 可事先允许"),
    Form("{tool} was not run: nobody said yes before the run ended", "{tool} 没有运行：运行结束前没有人同意"),
    Form("{tool} was not run: the run has ended", "{tool} 没有运行：运行已结束"),
    Form("{tool} was stopped: nobody waits for its result any more", "{tool} 已停止：不再需要它的结果"),
    Form("{tool} gave no result before the run was over", "{tool} 在运行结束前没有给出结果"),
    Form("{tool} gave no result within {seconds} s", "{tool} 在 {seconds} 秒内没有给出结果"),
    Form("there is no tool {tool}; there are {known}", "没有工具 {tool}；现有 {known}"),
    Form("{tool} failed: {why}", "{tool} 失败：{why}"),
    Form("there is no result {handle}; there are {known}", "没有结果 {handle}；现有 {known}"),
    Form("call the tool again", "请重新调用该工具"),
    # The calculator and the clock
    Form("cannot calculate {expression}: {why}", "无法计算 {expression}：{why}"),
    Form("it is not one arithmetic expression", "不是一个算式"),
    Form("it divides by zero", "除数为零"),
    Form("it has no real value", "没有实数值"),
    Form("a number in it is beyond about 1.8e308", "其中有数超出约 1.8e308"),
    Form("{node} is not allowed", "不允许 {node}"),
    Form("allowed: {what}", "允许：{what}"),
    Form(
        "there is no time zone {name}; a name such as Asia/Shanghai, Europe/London or UTC is needed",
        "没有时区 {name}；需要 Asia/Shanghai、Europe/London 或 UTC 这样的名称",
    ),
    # The library, files, the web, programs
    Form("no folder may be read", "没有可读的文件夹"),
    Form("folders that may be read: {folders}", "可读的文件夹：{folders}"),
    Form("Nothing was found in {where}.", "在 {where} 中没有找到任何内容。"),
    Form(
        "{url} is not fetched: {address} is not on the public internet",
        "没有获取 {url}：{address} 不在公共互联网上",
    ),
    Form("only public web pages are fetched", "只获取公开网页"),
    Form("there is no host {host}", "没有主机 {host}"),
    Form("{url} was not there within {seconds} s", "{url} 在 {seconds} 秒内没有应答"),
    Form("run_python: the program is no Python: {why}", "run_python：程序不是 Python：{why}"),
    # The engine's status and plans
    Form("No engine runs. A person starts one with: stillroom up", "没有引擎在运行。启动：stillroom up"),
    Form("{engine} serves {model}: {state}", "{engine} 正在提供 {model}：{state}"),
    Form("Machine: {machine}", "本机：{machine}"),
    Form("Pick: {pick}", "推荐：{pick}"),
    Form("Why: {reason}", "原因：{reason}"),
    # MCP servers
    Form(
        "the MCP server {name} is not approved, and was not started",
        "MCP 服务器 {name} 未经批准，没有启动",
    ),
    Form(
        "the MCP server {name} is not approved; its tools are left out",
        "MCP 服务器 {name} 未经批准，不使用它的工具",
    ),
    Form(
        "the MCP server {name} changed what it says of its tools ({tools}); its tools are left out",
        "MCP 服务器 {name} 更改了对其工具的说明（{tools}），不使用它的工具",
    ),
    Form(
        "the MCP server {name} is still starting; its tools come later",
        "MCP 服务器 {name} 仍在启动，稍后才有它的工具",
    ),
)
