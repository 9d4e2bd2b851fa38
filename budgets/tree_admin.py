"""The page of the admin on which staff move the items of a settlement's tree."""

import hashlib

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path

from portal import versions
from portal.models import Role
from portal.record_admin import add_url, amount_label

from .item_codes import MAX_LEVEL
from .item_tree import (
    Move,
    MoveError,
    apply_codes,
    list_moves,
    next_codes,
    plan_move,
    plan_renumbering,
)

RENUMBER = "renumber"
# Each move with the arrow on its button and what it does, in words.
MOVES = {
    Move.UP: ("↑", "一つ上へ動かす"),
    Move.DOWN: ("↓", "一つ下へ動かす"),
    Move.OUT: ("←", "上の段に出す"),
    Move.IN: ("→", "前の項目の下に入れる"),
}


class TreePages:
    """Adds the page of its tree to the admin of a settlement."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.tree_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_tree"
        return [path("<int:object_id>/tree/", view, name=name), *super().get_urls()]

    def get_links(self, request, settlement):
        tree = ("項目の並べ替え", self.page_of(settlement, "tree"))
        return [tree, *super().get_links(request, settlement)]

    def tree_view(self, request, object_id):
        settlement = self.get_visible(request, object_id)
        if request.method == "POST":
            return self.move_item(request, settlement)
        items = settlement.items.annotate(figure_count=Count("figures")).order_by("code_order")
        codes = [item.code for item in items]
        may_move = self.has_change_permission(request, settlement)
        context = self.page_context(request, settlement, "項目の並べ替え") | {
            "rows": make_rows(settlement, items, may_move),
            "state": tree_state(items),
            "may_move": may_move,
            "may_revise": self.may_revise(request, settlement),
            "misnumbered": len(plan_renumbering(codes)),
            "add_address": add_address(settlement, next_codes(codes)[""]),
            "renumber": RENUMBER,
        }
        return TemplateResponse(request, "admin/budgets/settlement_tree.html", context)

    def move_item(self, request, settlement):
        """Make the move that a button asks for, if the tree is still the one that it stood on."""
        tree = self.page_of(settlement, "tree")
        with transaction.atomic():
            versions.begin_change(settlement)
            settlement = self.get_visible(request, settlement.pk)
            if not self.has_change_permission(request, settlement):
                if not (self.may_write(request) and self.is_own(request, settlement, Role.EDITOR)):
                    raise PermissionDenied
                state = settlement.get_status_display()
                messages.error(request, f"この決算は、いま「{state}」です。項目は動かせません。")
                return redirect(tree)
            items = {str(item.pk): item for item in settlement.items.all()}
            move, _, number = request.POST.get("move", "").partition(":")
            if request.POST.get("state") != tree_state(items.values()):
                messages.error(
                    request,
                    "画面を開いたあとで項目が変わったため、動かしませんでした。"
                    "いまの並びを確かめて、もう一度動かしてください。",
                )
                return redirect(tree)
            if move != RENUMBER and (move not in MOVES or number not in items):
                messages.error(request, "何を動かすかが分かりませんでした。何も変えていません。")
                return redirect(tree)
            codes = [item.code for item in items.values()]
            try:
                if move == RENUMBER:
                    new_codes, action = plan_renumbering(codes), "項目番号の振り直し"
                else:
                    new_codes = plan_move(codes, items[number].code, Move(move))
                    action = f"項目「{items[number]}」を{MOVES[Move(move)][1]}"
                apply_codes(settlement, new_codes)
            except MoveError as error:
                messages.error(request, f"動かせません。{error}")
                return redirect(f"{tree}#item-{number}" if number else tree)
            versions.save_version(settlement, action[:100], request.user)
        if number:
            old = items[number].code
            said = f"「{items[number].name}」は、{old}から{new_codes[old]}になりました。"
        else:
            said = "項目番号を振り直しました。"
        messages.success(request, f"{said}番号が変わった項目は{len(new_codes)}件です。")
        return redirect(f"{tree}#item-{number}" if number else tree)


def tree_state(items) -> str:
    """Return a mark of a tree, another one once an item is moved, added or deleted."""
    codes = sorted((item.pk, item.code) for item in items)
    return hashlib.sha256(repr(codes).encode()).hexdigest()


def make_rows(settlement, items, may_move) -> list[dict]:
    """Return what a row of the page shows, with the moves that its item can make."""
    codes = [item.code for item in items]
    possible, free = list_moves(codes), next_codes(codes)
    return [
        {
            "item": item,
            "amount": amount_label(item.amount_yen),
            "moves": [
                (move, arrow, words, move in possible[item.code])
                for move, (arrow, words) in MOVES.items()
            ],
            "add_address": (
                add_address(settlement, free[item.code], item.pk)
                if may_move and item.depth < MAX_LEVEL
                else ""
            ),
        }
        for item in items
    ]


def add_address(settlement, code, parent="") -> str:
    return add_url("budgets_settlementitem", settlement=settlement.pk, parent=parent, code=code)
