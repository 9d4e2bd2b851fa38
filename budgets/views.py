from django.http import Http404


def settlement_list(request, **kwargs):
    raise Http404


def settlement_year(request, **kwargs):
    raise Http404


def settlement_detail(request, **kwargs):
    raise Http404


def settlement_item_detail(request, **kwargs):
    raise Http404


def program_detail(request, **kwargs):
    raise Http404
