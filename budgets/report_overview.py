"""What a report says, in lines that one reads before it becomes a draft. Pure."""

from collections.abc import Iterator

from portal.amounts import format_yen

from .checks import FigureFacts, ItemFacts, check_settlement
from .item_codes import code_level, parent_code
from .report_parts import Report


def list_report(report: Report) -> Iterator[str]:
    """Yield the tree, its sums, the checks and the remarks, line by line."""
    yield report.heading or "（部局の見出しは見付かりません）"
    for number, policy in enumerate(report.priority_policies, start=1):
        yield f"重点施策{number} {policy.name}：{'、'.join(policy.efforts)}"
    for item in report.items:
        amount = "" if item.amount_yen is None else f"　{format_yen(item.amount_yen)}"
        figures = f"　実績値{len(item.figures)}件" if item.figures else ""
        indent = "　" * (code_level(item.code) - 1)
        yield f"{indent}{item.code}　{item.label} {item.name}{amount}{figures}"
    stated = [item for item in report.items if item.amount_yen is not None]
    figures = sum(len(item.figures) for item in report.items)
    yield f"項目{len(report.items)}件、金額{len(stated)}件、実績値{figures}件"
    yield f"記載額の計（いちばん上の金額だけを足した額）：{format_yen(stated_amount_yen(report))}"
    for result in check_report(report):
        if result.status != "none":
            yield f"突合 {result.code}：{result.message}"
    for remark in report.remarks:
        yield f"{remark.line}行目「{remark.text}」：{remark.reason}"


def stated_amount_yen(report: Report) -> int:
    """Return the sum of the topmost amounts: one below another that is stated does not count."""
    stated = {item.code: item.amount_yen for item in report.items if item.amount_yen is not None}
    return sum(amount for code, amount in stated.items() if not _has_stated_above(code, stated))


def check_report(report: Report):
    """Return the results of the portal's checks on what was read."""
    return check_settlement(
        ItemFacts(
            item.code,
            item.amount_yen,
            **{
                name: amount
                for name, amount in item.amounts
                if name in ("budget_yen", "carried_over_yen", "unused_yen")
            },
            figures=tuple(
                FigureFacts(
                    (item.code, *figure.key),
                    "・".join(filter(None, (figure.group, figure.label, figure.measure))),
                    figure.kind,
                    figure.value,
                    figure.unit,
                    figure.amount_yen,
                    (item.code, *figure.part_of) if figure.part_of else None,
                    figure.group,
                )
                for figure in item.figures
            ),
        )
        for item in report.items
    )


def _has_stated_above(code: str, stated: dict[str, int]) -> bool:
    while code := parent_code(code):
        if code in stated:
            return True
    return False
