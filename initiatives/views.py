from django.http import Http404


def pillar_list(request, **kwargs):
    raise Http404


def pillar_detail(request, **kwargs):
    raise Http404


def report_list(request, **kwargs):
    raise Http404


def report_detail(request, **kwargs):
    raise Http404


def initiative_list(request, **kwargs):
    raise Http404


def initiative_image(request, **kwargs):
    raise Http404


def initiative_detail(request, **kwargs):
    raise Http404


def indicator_list(request, **kwargs):
    raise Http404


def indicator_detail(request, **kwargs):
    raise Http404
